//! What shops send, for `/openapi.json` alone: the door itself reads bodies strictly and piece by piece (see
//! [`super::order`]), so that one answer names everything wrong.

#![expect(dead_code, reason = "it only describes what is read piece by piece")]
#![expect(clippy::struct_field_names, reason = "fields are named as shops send them")]

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

/// One thing that happened to an order.
#[derive(ToSchema)]
pub(crate) struct OrderEvent {
    /// For ever: the same event again changes nothing.
    #[schema(example = "evt-1", max_length = 200)]
    event_id: String,
    #[schema(example = "A-1001", max_length = 200)]
    order_ref: String,
    /// `abandoned`, `placed`, `completed`, `refunded`, `cancelled`, …
    #[schema(example = "placed")]
    r#type: String,
    occurred_at: DateTime<Utc>,
    /// Of several reports of one kind the highest holds.
    version: Option<u64>,
    /// Whose order it is, for keys of the whole programme.
    vendor_id: Option<i64>,
    /// Three capitals, where there are amounts.
    #[schema(example = "EUR")]
    currency: Option<String>,
    items: Option<Vec<Item>>,
    /// Instead of `items`.
    net_minor: Option<i64>,
    /// With the type `refunded`.
    refund: Option<Refund>,
    /// With the type `chargeback`.
    chargeback: Option<Chargeback>,
    /// The token that came as `clk`.
    click_id: Option<String>,
    click_ids: Option<Vec<String>>,
    coupon: Option<String>,
    customer: Option<Customer>,
    delivery: Option<Delivery>,
}

/// Up to 500 of them.
#[derive(ToSchema)]
pub(crate) struct OrderEvents {
    #[schema(min_items = 1, max_items = 500)]
    events: Vec<OrderEvent>,
}

/// One line of an order.
#[derive(ToSchema)]
#[schema(as = OrderEventItem)]
struct Item {
    item_id: String,
    product_id: Option<i64>,
    name: Option<String>,
    quantity: Option<i32>,
    /// In the smallest unit, without tax and delivery.
    net_minor: i64,
    /// Whose product it is, where one order has several vendors'.
    vendor_id: Option<i64>,
}

/// Money that went back.
#[derive(ToSchema)]
#[schema(as = OrderEventRefund)]
struct Refund {
    refund_id: String,
    /// Of the whole order, unless `items` say it.
    amount_minor: Option<i64>,
    items: Option<Vec<ReturnedItem>>,
}

/// Money that was taken back.
#[derive(ToSchema)]
#[schema(as = OrderEventChargeback)]
struct Chargeback {
    chargeback_id: String,
    /// Of the whole order, unless `items` say it.
    amount_minor: Option<i64>,
    items: Option<Vec<ReturnedItem>>,
}

/// What of a line went back.
#[derive(ToSchema)]
#[schema(as = OrderEventReturn)]
struct ReturnedItem {
    item_id: String,
    quantity: Option<i32>,
    amount_minor: i64,
    vendor_id: Option<i64>,
}

/// Who bought. Affiliates are never told.
#[derive(ToSchema)]
#[schema(as = OrderCustomer)]
pub(crate) struct Customer {
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    country: Option<String>,
}

/// How and where to.
#[derive(ToSchema)]
#[schema(as = OrderDelivery)]
pub(crate) struct Delivery {
    method: Option<String>,
    status: Option<String>,
    address: Option<String>,
    tracking: Option<String>,
}
