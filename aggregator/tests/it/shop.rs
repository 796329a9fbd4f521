//! A small programme whose shops report orders: two vendors, three affiliates, a link for each of them.

use aggregator::jobs::settle::{Settled, settle_all};
use chrono::{DateTime, Utc};
use common::ids::{Lane, LinkId, Seq};
use common::money::Currency;
use common::order::{Event, Item, Kind, Reversal};
use common::secret::Master;
use common::time::Millis;
use common::token::{Click, Keyring};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::world::World;

pub(crate) const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// Friday, 20 November 2026, noon: when shoppers buy in these tests.
pub(crate) const NOON: u64 = 1_795_176_000_000;
pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const DAY: u64 = 86_400_000;
/// How long the vendors' terms hold commission.
pub(crate) const HOLD: u64 = 14 * DAY;

pub(crate) const TEAPOTS: i64 = 1;
pub(crate) const KETTLES: i64 = 2;
/// Links to Teapots of the affiliates Ada (1), Ben (2), Cleo (3).
pub(crate) const ADA: LinkId = LinkId(1);
pub(crate) const BEN: LinkId = LinkId(2);
/// Cleo has no rate at Teapots.
pub(crate) const CLEO: LinkId = LinkId(3);
/// Ada's link to Kettles.
pub(crate) const ADA_KETTLES: LinkId = LinkId(4);

const PROGRAMME: &str = "
    insert into vendor (name, created_at) values ('Teapots', '2026-01-01'), ('Kettles', '2026-01-01');
    insert into product (vendor_id, name, destination) values
        (1, 'Teapot', 'https://teapots.example.com/1'), (1, 'Cosy', 'https://teapots.example.com/2'),
        (2, 'Kettle', 'https://kettles.example.com/3');
    insert into affiliate (username, name, status, email, created_at) values
        ('ada', 'Ada', 'approved', 'ada@ada.example.com', '2026-01-01'),
        ('ben', 'Ben', 'approved', 'ben@ben.example.com', '2026-01-01'),
        ('cleo', 'Cleo', 'approved', null, '2026-01-01');
    insert into partnership (vendor_id, affiliate_id, status, joined_at)
        select vendor_id, affiliate_id, 'active', '2026-01-01' from vendor, affiliate;
    insert into link (code, vendor_id, affiliate_id, destination, created_at) values
        ('ada-teapots', 1, 1, 'https://teapots.example.com/', '2026-01-01'),
        ('ben-teapots', 1, 2, 'https://teapots.example.com/', '2026-01-01'),
        ('cleo-teapots', 1, 3, 'https://teapots.example.com/', '2026-01-01'),
        ('ada-kettles', 2, 1, 'https://kettles.example.com/', '2026-01-01');
    insert into partnership_rate values
        (1, 1, '2026-01-01', 100000), (1, 2, '2026-01-01', 50000), (2, 1, '2026-01-01', 200000);
    insert into bank_account (affiliate_id, account_hash, changed_at) values
        (1, sha256('a'), '2026-01-01'), (2, sha256('b'), '2026-01-01'), (3, sha256('c'), '2026-01-01');";

/// Takes every order and booking back, so that the same story can be told in another way.
pub(crate) const FORGET_ORDERS: &str = "
    set session_replication_role = replica;
    truncate order_event, order_due, customer_order, order_line, order_candidate, hold, ledger_tx, ledger_entry,
        order_daily, payout_batch, payout_line, payout_order;
    set session_replication_role = origin;";

/// A world with the programme in it.
pub(crate) async fn programme() -> World {
    let world = World::new().await;
    world.sql(PROGRAMME).await;
    world
}

pub(crate) fn keyring(states: &str) -> Keyring {
    Keyring::new(&Master::parse(SECRET).expect("a secret"), &states.parse().expect("key states"))
}

pub(crate) fn at(ms: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms.cast_signed()).expect("a moment")
}

/// A click on a link; no two share a record.
pub(crate) fn click(link: LinkId, ts_ms: u64) -> Click {
    let seq = Seq(ts_ms << 8 | link.0);
    Click { flags: 0, ts_ms, link, visitor: 7, channel: 2, lane: Lane(3), seq }
}

/// The token of a click, signed with key 1.
pub(crate) fn token(link: LinkId, ts_ms: u64) -> String {
    sign(&keyring("1:active"), &click(link, ts_ms))
}

pub(crate) fn sign(keyring: &Keyring, click: &Click) -> String {
    String::from_utf8(keyring.signer().sign(click).to_vec()).expect("ASCII")
}

/// A report without anything in it.
pub(crate) fn event(order_ref: &str, kind: Kind, occurred_at: u64) -> Event {
    Event {
        event_id: format!("{order_ref}-{}-{occurred_at}", kind.name()),
        order_ref: order_ref.to_owned(),
        kind,
        version: 0,
        occurred_at: Millis(occurred_at),
        currency: None,
        items: Vec::new(),
        others_only: false,
        reversal: None,
        click_ids: Vec::new(),
        coupon: None,
        customer: None,
        delivery: None,
    }
}

/// A shopper bought one thing, a minute or more after a click.
pub(crate) fn placed(order_ref: &str, occurred_at: u64, net_minor: i64, click_ids: &[String]) -> Event {
    let item = Item {
        item_id: "1".to_owned(),
        product_id: Some(1),
        name: Some("Teapot".to_owned()),
        quantity: 1,
        net_minor,
    };
    Event {
        currency: Some(eur()),
        items: vec![item],
        click_ids: click_ids.to_vec(),
        ..event(order_ref, Kind::Placed, occurred_at)
    }
}

pub(crate) fn completed(order_ref: &str, occurred_at: u64) -> Event {
    event(order_ref, Kind::Completed, occurred_at)
}

pub(crate) fn refunded(order_ref: &str, refund: &str, occurred_at: u64, amount_minor: i64) -> Event {
    let reversal =
        Reversal { reversal_id: refund.to_owned(), amount_minor: Some(amount_minor), items: Vec::new() };
    Event {
        event_id: format!("{order_ref}-{refund}-{amount_minor}"),
        currency: Some(eur()),
        reversal: Some(reversal),
        ..event(order_ref, Kind::Refunded, occurred_at)
    }
}

pub(crate) fn eur() -> Currency {
    "EUR".parse().expect("a currency")
}

/// Writes a report down as intake does; one that is there already changes nothing.
pub(crate) async fn report(world: &World, vendor: i64, event: &Event) {
    report_on(&mut world.owner().await, vendor, event).await;
}

pub(crate) async fn report_on(owner: &mut PgConnection, vendor: i64, event: &Event) {
    let body = serde_json::to_string(event).expect("plain data");
    sqlx::query(
        "with new as (
             insert into order_event (vendor_id, event_id, order_ref, kind, version, occurred_at, received_at, source,
                                      body, body_sha256)
             values ($1, $2, $3, $4, $5, $6, $6, 'api', $7::jsonb, sha256(convert_to($7, 'UTF8')))
             on conflict do nothing
         )
         insert into order_due (vendor_id, order_ref) values ($1, $3)",
    )
    .bind(vendor)
    .bind(&event.event_id)
    .bind(&event.order_ref)
    .bind(event.kind.name())
    .bind(event.version.cast_signed())
    .bind(at(event.occurred_at.0))
    .bind(body)
    .execute(owner)
    .await
    .expect("reported");
}

/// Settles everything that waits at that moment, and then all orders twice: the second time changes nothing.
pub(crate) async fn settle(world: &World, now: u64) -> Settled {
    let settle_all =
        async || settle_all(&world.stores, &keyring("1:active"), at(now)).await.expect("settled");
    let settled = settle_all().await;
    let everything =
        "insert into order_due (vendor_id, order_ref) select vendor_id, order_ref from customer_order";
    world.sql(everything).await;
    settle_all().await;
    let (before, booked) = (books(world).await, world.number("select count(*) from ledger_tx").await);
    world.sql(everything).await;
    settle_all().await;
    assert_same(&books(world).await, &before);
    assert_eq!(world.number("select count(*) from ledger_tx").await, booked, "nothing was booked again");
    settled
}

/// Shows only the lines that differ.
pub(crate) fn assert_same(books: &str, before: &str) {
    let only = |a: &str, b: &str| -> Vec<String> {
        let known: Vec<&str> = b.lines().collect();
        a.lines().filter(|line| !known.contains(line)).map(str::to_owned).collect()
    };
    let (new, gone) = (only(books, before), only(before, books));
    assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}\ngone: {gone:#?}");
}

/// Everything that orders came to, as text: the same books are the same text.
pub(crate) async fn books(world: &World) -> String {
    let mut owner = world.owner().await;
    let mut books = Vec::new();
    for question in [
        "select (to_jsonb(o) - 'order_id' - 'settled_at' - 'ledger_tx_count')::text from customer_order o
         order by vendor_id, order_ref",
        "select to_jsonb(l)::text from order_line l order by vendor_id, order_ref, item_id",
        "select to_jsonb(c)::text from order_candidate c order by vendor_id, order_ref, candidate",
        "select to_jsonb(h)::text from hold h order by vendor_id, order_ref, flag",
        "select to_jsonb(d)::text from order_daily d where orders > 0 order by link_id, day, currency",
        "select jsonb_build_array(vendor_id, order_ref, affiliate_id, link_id, account, currency, sum(amount_minor))::text
         from ledger_entry group by vendor_id, order_ref, affiliate_id, link_id, account, currency
         having sum(amount_minor) <> 0 order by 1",
    ] {
        books.extend(texts_on(&mut owner, question).await);
    }
    books.join("\n")
}

/// The answers to a question, one text a row.
pub(crate) async fn texts(world: &World, question: &str) -> Vec<String> {
    texts_on(&mut world.owner().await, question).await
}

async fn texts_on(owner: &mut PgConnection, question: &str) -> Vec<String> {
    let question = AssertSqlSafe(question.to_owned());
    let rows = sqlx::query(question).fetch_all(owner).await.expect("good SQL");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The one text a question is answered with.
pub(crate) async fn text(world: &World, question: &str) -> String {
    texts(world, question).await.pop().expect("a row")
}

/// An order as people speak of it: status, commission, and what is pending, payable and paid.
pub(crate) async fn order(world: &World, order_ref: &str) -> String {
    let question = format!(
        "select format('%s %s: %s pending, %s payable, %s paid', status, commission_minor,
                (select -coalesce(sum(amount_minor) filter (where account = 'pending'), 0) from ledger_entry e
                 where (e.vendor_id, e.order_ref) = (o.vendor_id, o.order_ref)),
                (select -coalesce(sum(amount_minor) filter (where account = 'payable'), 0) from ledger_entry e
                 where (e.vendor_id, e.order_ref) = (o.vendor_id, o.order_ref)), paid_minor)
         from customer_order o where order_ref = '{order_ref}'"
    );
    text(world, &question).await
}

/// Whose link is credited with an order, or why none is.
pub(crate) async fn credit(world: &World, order_ref: &str) -> String {
    let question = format!(
        "select coalesce(link_id || ' by ' || credited_by, not_credited) from customer_order where order_ref = '{order_ref}'"
    );
    text(world, &question).await
}

/// The verdict on each of an order's candidates.
pub(crate) async fn verdicts(world: &World, order_ref: &str) -> Vec<String> {
    let question = format!(
        "select verdict from order_candidate where order_ref = '{order_ref}' order by click_at, candidate"
    );
    texts(world, &question).await
}
