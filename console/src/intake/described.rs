//! What shops send, for `/openapi.json` alone: the door itself reads bodies strictly and piece by piece (see
//! [`super::order`]), so that one answer names everything wrong.

#![expect(dead_code, reason = "it only describes what is read piece by piece")]
#![expect(clippy::struct_field_names, reason = "fields are named as shops send them")]

use chrono::{DateTime, Utc};
use common::order::Kind;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::conventions::{Called, CurrencyCode, Number, words};

words! {
    /// What may happen to an order.
    KindName: Kind::ALL.map(Kind::name)
}

/// Money in the currency's smallest unit.
#[derive(Deserialize, ToSchema)]
#[schema(as = Minor, minimum = 0, maximum = 1_000_000_000_000_i64)]
pub(crate) struct Minor(i64);

/// A text that is kept as it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = OrderText, max_length = 200, pattern = r"^[^\u0000]*$")]
pub(crate) struct Text(String);

/// One thing that happened to an order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderEvent {
    /// For ever: the same event again changes nothing.
    #[schema(value_type = Called, example = "evt-1")]
    event_id: String,
    #[schema(value_type = Called, example = "A-1001")]
    order_ref: String,
    /// `abandoned`, `placed`, `completed`, `refunded`, `cancelled`, …
    #[schema(value_type = KindName, example = "placed")]
    r#type: String,
    occurred_at: DateTime<Utc>,
    /// Of several reports of one kind the highest holds.
    version: Option<u64>,
    /// Whose order it is, for keys of the whole programme.
    #[schema(value_type = Option<Number>)]
    vendor_id: Option<i64>,
    /// Three capitals, where there are amounts.
    #[schema(value_type = Option<CurrencyCode>, example = "EUR")]
    currency: Option<String>,
    #[schema(max_items = 500)]
    items: Option<Vec<Item>>,
    /// Instead of `items`.
    #[schema(value_type = Option<Minor>)]
    net_minor: Option<i64>,
    /// With the type `refunded`.
    refund: Option<Refund>,
    /// With the type `chargeback`.
    chargeback: Option<Chargeback>,
    /// The token that came as `clk`.
    #[schema(value_type = Option<Called>)]
    click_id: Option<String>,
    #[schema(value_type = Option<Vec<Called>>, max_items = 19)]
    click_ids: Option<Vec<String>>,
    #[schema(value_type = Option<Called>)]
    coupon: Option<String>,
    customer: Option<Customer>,
    delivery: Option<Delivery>,
}

/// Up to 500 of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderEvents {
    #[schema(min_items = 1, max_items = 500)]
    events: Vec<OrderEvent>,
}

/// One line of an order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderEventItem)]
struct Item {
    #[schema(value_type = Called)]
    item_id: String,
    #[schema(value_type = Option<Number>)]
    product_id: Option<i64>,
    #[schema(value_type = Option<Text>)]
    name: Option<String>,
    #[schema(minimum = 1, maximum = 1_000_000)]
    quantity: Option<i32>,
    /// In the smallest unit, without tax and delivery.
    #[schema(value_type = Minor)]
    net_minor: i64,
    /// Whose product it is, where one order has several vendors'.
    #[schema(value_type = Option<Number>)]
    vendor_id: Option<i64>,
}

/// Money that went back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderEventRefund)]
struct Refund {
    #[schema(value_type = Called)]
    refund_id: String,
    /// Of the whole order, unless `items` say it.
    #[schema(value_type = Option<Minor>)]
    amount_minor: Option<i64>,
    #[schema(max_items = 500)]
    items: Option<Vec<ReturnedItem>>,
}

/// Money that was taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderEventChargeback)]
struct Chargeback {
    #[schema(value_type = Called)]
    chargeback_id: String,
    /// Of the whole order, unless `items` say it.
    #[schema(value_type = Option<Minor>)]
    amount_minor: Option<i64>,
    #[schema(max_items = 500)]
    items: Option<Vec<ReturnedItem>>,
}

/// What of a line went back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderEventReturn)]
struct ReturnedItem {
    #[schema(value_type = Called)]
    item_id: String,
    #[schema(minimum = 0, maximum = 1_000_000)]
    quantity: Option<i32>,
    #[schema(value_type = Minor)]
    amount_minor: i64,
    #[schema(value_type = Option<Number>)]
    vendor_id: Option<i64>,
}

/// Who bought. Affiliates are never told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderCustomer)]
pub(crate) struct Customer {
    #[schema(value_type = Option<Text>)]
    name: Option<String>,
    #[schema(value_type = Option<Text>)]
    email: Option<String>,
    #[schema(value_type = Option<Text>)]
    phone: Option<String>,
    #[schema(value_type = Option<Text>)]
    country: Option<String>,
}

/// How and where to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderDelivery)]
pub(crate) struct Delivery {
    #[schema(value_type = Option<Text>)]
    method: Option<String>,
    #[schema(value_type = Option<Text>)]
    status: Option<String>,
    #[schema(max_length = 1000, pattern = r"^[^\u0000]*$")]
    address: Option<String>,
    #[schema(value_type = Option<Text>)]
    tracking: Option<String>,
}
