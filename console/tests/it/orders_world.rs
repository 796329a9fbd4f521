//! A programme with orders, and the people who read and decide about them.

use serde_json::Value;

use crate::support::{Answer, World};

/// Who calls: the id of a key in `orders_world.sql`. Its secret follows from it.
pub(crate) type Key = &'static str;

/// Sees all, may do all.
pub(crate) const PROGRAMME: Key = "programme";
/// Sees and decides for the first vendor.
pub(crate) const NORDLICHT: Key = "nordlicht";
/// Sees and decides for the second vendor.
pub(crate) const SECOND: Key = "secondvendor";
/// May approve payouts.
pub(crate) const OVERSEER: Key = "overseer";
/// May read reports.
pub(crate) const READER: Key = "reader00";
/// May review holds.
pub(crate) const REVIEWER: Key = "reviewer";
/// May report orders.
pub(crate) const SHOP: Key = "shop0000";
/// May nothing any more.
pub(crate) const REVOKED: Key = "revoked0";

impl World {
    /// The programme with orders in every state.
    pub(crate) async fn with_orders() -> Self {
        let world = Self::with_programme().await;
        world.run(include_str!("orders_world.sql")).await;
        world
    }

    /// Reads something with a key.
    pub(crate) async fn read_as(&self, key: Key, path: &str) -> Answer {
        self.talk(&format!("GET {path} HTTP/1.1\r\n{}\r\n\r\n", head(key))).await
    }

    /// Reads JSON with a key, which must be there.
    pub(crate) async fn json_as(&self, key: Key, path: &str) -> Value {
        let answer = self.read_as(key, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Says something with a key.
    pub(crate) async fn say_as(&self, key: Key, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let kind = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
        self.talk(&format!("POST {path} HTTP/1.1\r\n{}\r\n{kind}\r\n\r\n{body}", head(key))).await
    }
}

fn head(key: Key) -> String {
    format!("Host: localhost\r\nConnection: close\r\nAuthorization: Bearer llk_{key}_s-{key}")
}

/// One field of every row of a list.
#[track_caller]
pub(crate) fn column(list: &Value, field: &str) -> Vec<String> {
    let rows = list["data"].as_array().expect("a list");
    rows.iter().map(|row| row[field].as_str().expect("text").to_owned()).collect()
}

/// Every page of a list, by the field that `starting_after` takes.
pub(crate) async fn all_pages(world: &World, key: Key, path: &str, cursor: &str) -> Vec<String> {
    let (mut seen, mut address) = (Vec::new(), path.to_owned());
    loop {
        let page = world.json_as(key, &address).await;
        seen.extend(column(&page, cursor));
        if page["has_more"] == false {
            return seen;
        }
        let last = seen.last().expect("a page with more is not empty").replace('/', "%2F");
        address = format!("{path}&starting_after={last}");
    }
}
