//! A small programme and the people who run it: an operator, a vendor with a key, affiliates who signed in.

use std::ops::Deref;

use chrono::{DateTime, Utc};
use console::auth::session;
use runtime::clock;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::{Answer, World};

/// What goes with every request of one caller.
#[derive(Clone)]
pub(crate) struct Person(Vec<(String, String)>);

/// The world, and who is in it: two vendors; `ada` promotes the first, `bert` nobody, `carla` waits for her approval.
pub(crate) struct Programme {
    pub(crate) world: World,
    pub(crate) operator: Person,
    /// Acts for vendor 1.
    pub(crate) teas: Person,
    /// Acts for vendor 2.
    pub(crate) outdoors: Person,
    pub(crate) ada: Person,
    pub(crate) bert: Person,
    pub(crate) carla: Person,
}

impl Deref for Programme {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Programme {
    pub(crate) async fn new() -> Self {
        let world = World::empty().await;
        world.run(include_str!("programme_world.sql")).await;
        let all = ["programme:read", "programme:write", "webhooks:write", "reports:read"];
        let key = async |name, vendor| {
            Person(vec![("authorization".to_owned(), world.key(name, vendor, &all).await)])
        };
        let (operator, teas, outdoors) =
            (key("operator", None).await, key("teas", Some(1)).await, key("outdoors", Some(2)).await);
        let ada = signed_in(&world, "acc_ada").await;
        let bert = signed_in(&world, "acc_bert").await;
        let carla = signed_in(&world, "acc_carla").await;
        Self { world, operator, teas, outdoors, ada, bert, carla }
    }

    /// What the vendors, affiliates and products are called: `("vendor", 1)` and so on.
    pub(crate) async fn id(&self, table: &str, number: i64) -> String {
        self.text(&format!("select public_id from {table} where {table}_id = {number}")).await
    }

    /// The one text that a query gives.
    pub(crate) async fn text(&self, query: &str) -> String {
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&self.owner).await.expect(query)
    }

    /// Changes something behind everybody's back.
    pub(crate) async fn set(&self, statement: &str) {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&self.owner).await.expect(statement);
    }

    pub(crate) async fn read(&self, who: &Person, path: &str) -> Answer {
        self.call(who, "GET", path, &[], "").await
    }

    /// Reads what must be there.
    pub(crate) async fn told(&self, who: &Person, path: &str) -> Value {
        let answer = self.read(who, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    pub(crate) async fn write(&self, who: &Person, path: &str, body: &Value) -> Answer {
        self.call(who, "POST", path, &[("content-type", "application/json")], &body.to_string()).await
    }

    /// Makes what must be made.
    pub(crate) async fn made(&self, who: &Person, path: &str, body: &Value) -> Value {
        let answer = self.write(who, path, body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.body);
        answer.json()
    }

    pub(crate) async fn patch(&self, who: &Person, path: &str, body: &Value) -> Answer {
        self.call(who, "PATCH", path, &[("content-type", "application/json")], &body.to_string()).await
    }

    /// An action without a body.
    pub(crate) async fn act(&self, who: &Person, path: &str) -> Answer {
        self.call(who, "POST", path, &[], "").await
    }

    pub(crate) async fn call(
        &self,
        who: &Person,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let own = who.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<(&str, &str)> = own.chain(more.iter().copied()).collect();
        self.send(method, path, &headers, body).await
    }

    /// Refused with this status and code, and nothing else.
    pub(crate) async fn refused(&self, who: &Person, path: &str, body: &Value, status: u16, code: &str) {
        let answer = self.write(who, path, body).await;
        assert_eq!(
            (answer.status, answer.json()["code"].clone()),
            (status, json!(code)),
            "{path} {body}: {}",
            answer.body
        );
    }
}

/// The values of one field over a list.
pub(crate) fn column(list: &Value, field: &str) -> Vec<Value> {
    list["data"].as_array().expect("a list").iter().map(|row| row[field].clone()).collect()
}

async fn signed_in(world: &World, account: &str) -> Person {
    let now = DateTime::<Utc>::from(clock::system_time());
    let mut conn = world.owner.acquire().await.expect("a connection");
    let begun = session::begin(&mut conn, account, now).await.expect("a session");
    Person(vec![
        ("cookie".to_owned(), format!("linkledger={}", begun.secret)),
        ("x-csrf-token".to_owned(), begun.csrf),
        ("sec-fetch-site".to_owned(), "same-origin".to_owned()),
    ])
}
