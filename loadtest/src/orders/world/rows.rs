//! The world as rows, for `plant.sql`.

use common::ids::VendorId;
use common::rate::Rate;
use common::time::Millis;
use serde_json::{Value, json};

use super::{History, World};

/// Rows of one kind, by the name that `plant.sql` asks for them by.
pub(super) type Rows = (&'static str, Vec<Value>);

/// All rows of a world.
pub(super) fn rows(world: &World) -> Vec<Rows> {
    [vendors(world), affiliates(world), partnerships(world), links(world)].concat()
}

/// Adds what identifies a thing to each row of its history.
fn history<'a, T: 'a>(of: &Value, rows: &'a History<T>, row: impl Fn(&T) -> Value) -> Vec<Value> {
    rows.0.iter().map(|(since, held)| merged(of, merged(&json!({ "since": since }), row(held)))).collect()
}

fn merged(into: &Value, from: Value) -> Value {
    let mut all = into.clone();
    if let (Value::Object(all), Value::Object(from)) = (&mut all, from) {
        all.extend(from);
    }
    all
}

/// What a thing's own table says: its last standing, and when it began.
fn now<T>(of: &Value, rows: &History<T>, row: impl Fn(&T) -> Value) -> Value {
    merged(of, merged(&json!({ "since": rows.0[0].0 }), row(rows.last())))
}

fn vendors(world: &World) -> Vec<Rows> {
    let active = |active: &bool| json!({ "active": active });
    let of = |id: VendorId| json!({ "vendor": id });
    vec![
        ("vendor", world.vendors.iter().map(|v| now(&of(v.id), &v.is_active, active)).collect()),
        ("vendor_standing", world.vendors.iter().flat_map(|v| history(&of(v.id), &v.is_active, active)).collect()),
        (
            "vendor_terms",
            world
                .vendors
                .iter()
                .flat_map(|v| {
                    history(&of(v.id), &v.terms, |terms| {
                        json!({ "window": terms.window_days, "hold": terms.hold_days, "rule": terms.rule.name() })
                    })
                })
                .collect(),
        ),
        ("product", world.products.iter().map(|(id, p)| json!({ "product": id, "vendor": p.vendor })).collect()),
        (
            "product_rate",
            world
                .products
                .iter()
                .flat_map(|(id, p)| {
                    let of = json!({ "product": id, "vendor": p.vendor });
                    history(&of, &p.rates, |rate| json!({ "rate": rate.map(Rate::ppm) }))
                })
                .collect(),
        ),
    ]
}

fn affiliates(world: &World) -> Vec<Rows> {
    let status = |is_approved| if is_approved { "approved" } else { "pending" };
    let row = |row: &super::Membership| json!({ "status": status(row.is_approved), "active": row.is_active });
    let of = |id: u64| json!({ "affiliate": id });
    vec![
        ("affiliate", world.affiliates.iter().map(|a| now(&of(a.id), &a.standing, row)).collect()),
        (
            "affiliate_standing",
            world.affiliates.iter().flat_map(|a| history(&of(a.id), &a.standing, row)).collect(),
        ),
    ]
}

fn partnerships(world: &World) -> Vec<Rows> {
    let row = |is_active: &bool| json!({ "status": if *is_active { "active" } else { "inactive" } });
    let of = |(vendor, affiliate): &(VendorId, u64)| json!({ "vendor": vendor, "affiliate": affiliate });
    let all = || world.partnerships.iter();
    vec![
        ("partnership", all().map(|(id, p)| now(&of(id), &p.is_active, row)).collect()),
        ("partnership_standing", all().flat_map(|(id, p)| history(&of(id), &p.is_active, row)).collect()),
        (
            "partnership_rate",
            all()
                .flat_map(|(id, p)| history(&of(id), &p.rates, |rate| json!({ "rate": rate.ppm() })))
                .collect(),
        ),
    ]
}

fn links(world: &World) -> Vec<Rows> {
    let row =
        |row: &super::Switch| json!({ "active": row.is_active, "expires": row.expires.map(|Millis(at)| at) });
    let of = |link: &super::Link| json!({ "link": link.id, "code": link.code, "vendor": link.vendor, "affiliate": link.affiliate });
    let coupon = |c: &super::Coupon| json!({ "vendor": c.vendor, "code": c.code, "link": c.link, "since": c.since, "until": c.until });
    vec![
        ("link", world.links.iter().map(|l| now(&of(l), &l.standing, row)).collect()),
        ("link_standing", world.links.iter().flat_map(|l| history(&of(l), &l.standing, row)).collect()),
        ("coupon", world.coupons.iter().map(coupon).collect()),
    ]
}
