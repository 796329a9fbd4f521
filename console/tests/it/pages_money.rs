//! The pages of money: what each role sees of orders, holds, payouts and statements, and that forms decide only for those
//! who may.

use chrono::{DateTime, Utc};
use console::auth::session;
use runtime::clock;
use url::form_urlencoded;

use crate::support::{Answer, World, midnight, noon};

/// Somebody who signed in just now.
struct Person {
    cookie: String,
    csrf: String,
}

/// The world of orders, and who looks at it.
struct Money {
    world: World,
    admin: Person,
    finance: Person,
    vendor: Person,
    /// Affiliate 1, who is credited with most orders of the first vendor.
    affiliate: Person,
    /// Affiliate 2.
    other: Person,
}

impl Money {
    async fn new() -> Self {
        let world = World::with_orders().await;
        world
            .run(
                "insert into account (account_id, email, name, role, vendor_id, affiliate_id) values \
                 ('acc_boss', 'boss@example.com', 'Bo Boss', 'admin', null, null), \
                 ('acc_fina', 'fina@example.com', 'Fina Finance', 'finance', null, null), \
                 ('acc_shop', 'shop@example.com', 'Sam Shop', 'vendor', 1, null), \
                 ('acc_one', 'one@example.com', 'Una One', 'affiliate', null, 1), \
                 ('acc_two', 'two@example.com', 'Theo Two', 'affiliate', null, 2)",
            )
            .await;
        let admin = signed_in(&world, "acc_boss").await;
        let finance = signed_in(&world, "acc_fina").await;
        let vendor = signed_in(&world, "acc_shop").await;
        let affiliate = signed_in(&world, "acc_one").await;
        let other = signed_in(&world, "acc_two").await;
        Self { world, admin, finance, vendor, affiliate, other }
    }

    async fn read(&self, who: &Person, path: &str) -> Answer {
        self.world.send("GET", path, &[("cookie", &who.cookie)], "").await
    }

    /// Reads a page that must be there, without markup that somebody typed.
    async fn page(&self, who: &Person, path: &str) -> String {
        let page = self.read(who, path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(!page.body.contains("<script>alert"), "typed markup is on {path}");
        page.body
    }

    /// Sends a form as our own page would.
    async fn form(&self, who: &Person, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.form_from(who, path, fields, &who.csrf, "same-origin").await
    }

    async fn form_from(
        &self,
        who: &Person,
        path: &str,
        fields: &[(&str, &str)],
        csrf: &str,
        site: &str,
    ) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("csrf_token", csrf);
        body.extend_pairs(fields);
        let headers = [
            ("cookie", who.cookie.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", site),
        ];
        self.world.send("POST", path, &headers, &body.finish()).await
    }
}

async fn signed_in(world: &World, account: &str) -> Person {
    let now = DateTime::<Utc>::from(clock::system_time());
    let mut conn = world.owner.acquire().await.expect("a connection");
    let begun = session::begin(&mut conn, account, now).await.expect("a session");
    Person { cookie: format!("linkledger={}", begun.secret), csrf: begun.csrf }
}

#[track_caller]
fn says(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "{text:?} is not on the page:\n{page}");
    }
}

#[track_caller]
fn hides(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(!page.contains(text), "{text:?} is on the page:\n{page}");
    }
}

#[tokio::test]
async fn the_overview_compares_with_the_period_before() {
    let money = Money::new().await;
    money.world.clicks(1, noon(1), 30, 5).await;
    money.world.clicks(1, noon(8), 20, 0).await;
    money.world.visitors(1, midnight(1).date_naive(), 0..20).await;
    money.world.run("insert into order_daily values (1, current_date - 1, 'EUR', 3, 30000, 3000)").await;
    let page = money.page(&money.admin, "/?range=7d").await;
    says(
        &page,
        &[
            "Human clicks",
            "up by ",
            "50.0 %",
            "Conversion",
            "10.00 %",
            "300.00 EUR",
            "summer-1",
            "The house",
            "All affiliates",
            "Human before",
        ],
    );
    says(&money.page(&money.admin, "/?range=7d&show=commission").await, &["Commission before", "30.00 EUR"]);
    for by in ["hour", "day", "week", "month"] {
        money.page(&money.admin, &format!("/?range=30d&by={by}")).await;
    }
    let vendor = money.page(&money.vendor, "/?range=7d").await;
    hides(&vendor, &["The house", "Handed over"]);
    let dashboard = money.page(&money.affiliate, "/?range=7d").await;
    says(&dashboard, &["Dashboard", "Your money", "Newest sales", "What to do next", "A-1001"]);
    let empty = World::empty().await.get("/").await;
    assert_eq!(empty.status, 200);
    says(&empty.body, &["Nobody clicked in these days", "–"]);
}

#[tokio::test]
async fn orders_are_filtered_and_belong_to_whom_they_belong() {
    let money = Money::new().await;
    let all = money.page(&money.admin, "/orders").await;
    says(&all, &["A-1001", "A-1005", "Teapot, Tent Polar 2P", "On hold", "Abandoned"]);
    let held = money.page(&money.admin, "/orders?held=yes").await;
    says(&held, &["A-1001"]);
    hides(&held, &["A-1005"]);
    let found = money.page(&money.admin, "/orders?q=A-1002").await;
    says(&found, &["/orders/ord_a1002", "/orders/ord_b1002"]);
    hides(&found, &["ord_a1001"]);
    hides(&money.page(&money.admin, "/orders?status=Paid").await, &["A-1001"]);
    says(&money.page(&money.admin, "/orders?affiliate=nobody").await, &["Nothing fits"]);
    hides(&money.page(&money.vendor, "/orders").await, &["ord_b1001", "ord_b1002"]);
    let sales = money.page(&money.affiliate, "/orders").await;
    says(&sales, &["Sales", "A-1001"]);
    hides(&sales, &["ord_b1002", "A-1005"]);
    assert_eq!(money.read(&money.admin, "/orders?status=Lost").await.status, 400);
}

#[tokio::test]
async fn an_order_says_why_it_is_credited() {
    let money = Money::new().await;
    let page = money.page(&money.admin, "/orders/ord_a1001").await;
    says(
        &page,
        &[
            "kim@example.com",
            "parcel",
            "packed",
            "4990 × 125000 ppm = 623.75 → 624, half up",
            "TEA10",
            "Credited",
            "Owed, pending",
            "8.24 EUR",
            "data-sheet=\"panel\"",
            "/orders/ord_b1001",
        ],
    );
    let sale = money.page(&money.affiliate, "/orders/ord_a1001").await;
    says(&sale, &["4990 × 125000 ppm", "8.24 EUR"]);
    hides(&sale, &["kim@example.com", "Kim Example", "parcel", "ordered 4 s after the click", "evt-1"]);
    for (who, order) in
        [(&money.vendor, "ord_b1001"), (&money.other, "ord_a1001"), (&money.admin, "ord_none")]
    {
        assert_eq!(money.read(who, &format!("/orders/{order}")).await.status, 404, "{order}");
    }
}

#[tokio::test]
async fn holds_are_decided_once_with_a_note() {
    let money = Money::new().await;
    let list = money.page(&money.admin, "/holds").await;
    says(&list, &["Ordered 4 s after the click", "Parked events", "backdated", "late/1"]);
    let path = "/holds/ord_a1001/fast_order";
    says(&money.page(&money.admin, path).await, &["Release: all is well", "data-sheet=\"dialog\""]);
    for (csrf, site) in
        [("", "same-origin"), ("wrong", "same-origin"), (money.admin.csrf.as_str(), "cross-site")]
    {
        let refused = money.form_from(&money.admin, path, &[("finding", "released")], csrf, site).await;
        assert_eq!(refused.status, 403, "{csrf:?} {site}");
    }
    let fields = [("finding", "released"), ("note", "<b>Known</b> shopper")];
    let done = money.form(&money.admin, path, &fields).await;
    assert_eq!((done.status, done.header("location")), (303, "/holds?done=released"));
    let again = money.form(&money.admin, path, &fields).await;
    assert_eq!(again.status, 409);
    says(&again.body, &["a review is final"]);
    says(&money.page(&money.admin, "/holds?state=released").await, &["&#60;b&#62;Known&#60;/b&#62; shopper"]);
    let parked = [("vendor_id", "2"), ("event_id", "late/1")];
    let let_in = money.form(&money.admin, "/holds/let-in", &parked).await;
    assert_eq!((let_in.status, let_in.header("location")), (303, "/holds?done=let-in"));
    for who in [&money.finance, &money.vendor, &money.affiliate] {
        assert_eq!(money.read(who, "/holds").await.status, 403);
        assert_eq!(money.form(who, path, &fields).await.status, 403);
    }
}

#[tokio::test]
async fn a_payout_takes_a_second_person_and_a_fresh_password() {
    let money = Money::new().await;
    let asked =
        money.form(&money.finance, "/payouts", &[("currency", "EUR"), ("minimum_minor", "100")]).await;
    assert_eq!(asked.status, 303, "{}", asked.body);
    let own = asked.header("location").split('?').next().expect("an address").to_owned();
    money
        .world
        .run("update payout_batch set state = 'open', collected_at = now() where state = 'requested'")
        .await;
    says(&money.page(&money.finance, &own).await, &["somebody else must decide"]);
    let refused = money.form(&money.finance, &own, &[("verdict", "approved")]).await;
    assert_eq!(refused.status, 409);
    says(&refused.body, &["asked for this payout; somebody else must decide"]);
    let silent = money.form(&money.admin, &own, &[("verdict", "rejected"), ("note", "")]).await;
    assert_eq!(silent.status, 422);
    says(&silent.body, &["why the payout is rejected"]);
    let approved = money.form(&money.admin, &own, &[("verdict", "approved")]).await;
    assert_eq!(
        (approved.status, approved.header("location")),
        (303, format!("{own}?done=payout-approved").as_str())
    );

    let wrong = money.form(&money.finance, "/payouts", &[("currency", "euro"), ("minimum_minor", "1")]).await;
    assert_eq!(wrong.status, 422);
    says(&wrong.body, &["aria-invalid=\"true\""]);
    money.world.run("update session set reauthenticated_at = now() - interval '1 hour'").await;
    let stale = money.form(&money.finance, "/payouts", &[("currency", "EUR"), ("minimum_minor", "1")]).await;
    assert_eq!(stale.status, 403);
    says(&stale.body, &["Your password, once more"]);
}

#[tokio::test]
async fn payouts_are_read_by_those_they_are_of() {
    let money = Money::new().await;
    money
        .world
        .run("insert into bank_account (affiliate_id, account_hash, changed_at) values (2, sha256('made-up'), now())")
        .await;
    let batch = money.page(&money.admin, "/payouts/po_open").await;
    says(&batch, &["Approve", "123.45 EUR", "A-1005", "nothing is paid until"]);
    let file = money.read(&money.admin, "/payouts/po_open/csv").await;
    assert!(file.body.starts_with("payout_batch_id,state,"), "{}", file.body);
    let own = money.page(&money.vendor, "/payouts").await;
    hides(&own, &["po_own2", "po_paid"]);
    assert_eq!(money.read(&money.vendor, "/payouts/po_own2").await.status, 404);
    let payments = money.page(&money.affiliate, "/payouts").await;
    says(&payments, &["Payments", "5.00 EUR", "Payable"]);
    says(&money.page(&money.other, "/payouts").await, &["No payment yet", "Your bank account is new"]);
    assert_eq!(money.read(&money.affiliate, "/payouts/po_open").await.status, 403);
}

#[tokio::test]
async fn a_statement_adds_up_month_by_month() {
    let money = Money::new().await;
    let page = money.page(&money.affiliate, "/statement?currency=EUR&month=2026-11").await;
    // 5.00 + 9.24 earned, 1.00 + 2.00 taken back, 5.00 paid.
    says(&page, &["November 2026", "14.24 EUR", "3.00 EUR", "6.24 EUR", "Became payable", "A-1001"]);
    let file = money.read(&money.affiliate, "/statement/csv?currency=EUR").await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"statement-EUR.csv\"");
    assert_eq!(file.body.lines().count(), 7, "{}", file.body);
    says(&money.page(&money.admin, "/statement?affiliate=mara.w").await, &["Statement of mara.w"]);
    assert_eq!(money.read(&money.admin, "/statement").await.status, 404);
    assert_eq!(money.read(&money.vendor, "/statement").await.status, 403);
    assert_eq!(money.read(&money.affiliate, "/statement?month=soon").await.status, 400);
}

#[tokio::test]
async fn figures_are_told_again_without_the_page_around_them() {
    let money = Money::new().await;
    money.world.clicks(1, noon(1), 30, 5).await;
    for who in [&money.admin, &money.vendor, &money.affiliate] {
        for path in ["/", "/?range=7d&show=orders", "/reports?range=90d&by=week&by_what=link"] {
            let page = money.page(who, path).await;
            let (_, figures) = page.split_once("id=\"figures\" hx-get=\"").expect("figures");
            let (address, _) = figures.split_once('"').expect("an address");
            let again = money.page(who, &address.replace("&#38;", "&").replace("&amp;", "&")).await;
            assert!(again.starts_with("<dl ") && page.contains(again.trim_end()), "{path}: {again}");
        }
    }
    assert_eq!(money.read(&money.admin, "/live/figures?range=soon").await.status, 400);
}

#[tokio::test]
async fn reports_are_split_by_everything_and_kept_as_files() {
    let money = Money::new().await;
    money.world.clicks(1, noon(1), 30, 5).await;
    money.world.clicks(2, noon(1), 7, 0).await;
    money
        .world
        .run(
            "insert into order_daily values (1, current_date - 1, 'EUR', 3, 30000, 3000), (1, current_date - 1, 'JPY', 1, 500, 50); \
             insert into click_daily_platform values (1, current_date - 1, 2, 2, 3, 20); \
             insert into click_daily_origin values (1, current_date - 1, 1 + 26 * 18 + 4, 0, 30); \
             update vendor set name = '=cmd' where vendor_id = 2",
        )
        .await;
    for by in
        ["time", "affiliate", "vendor", "product", "link", "source", "country", "device", "browser", "system"]
    {
        let path = format!("/reports?range=7d&by_what={by}&sort=commission");
        let page = money.page(&money.admin, &path).await;
        says(&page, &["<table class=\"rows\"", "CSV"]);
        let file = money.read(&money.admin, &path.replace("/reports?", "/reports/csv?")).await;
        assert!(file.body.starts_with("name,human_clicks,"), "{by}: {}", file.body);
    }
    let file = money.read(&money.admin, "/reports/csv?range=7d&by_what=affiliate").await.body;
    says(&file, &[",30,5,EUR,3,300.00,30.00,13.3333\r\n", ",,,JPY,1,500,50,\r\n"]);
    let by_vendor = money.read(&money.admin, "/reports/csv?range=7d&by_what=vendor").await.body;
    says(&by_vendor, &["'=cmd,"]);
    let weekly = money.page(&money.admin, "/reports?range=30d&by=week").await;
    says(&weekly, &["Week of "]);
    assert_eq!(money.read(&money.vendor, "/reports?by_what=vendor").await.status, 400);
    assert_eq!(money.read(&money.affiliate, "/reports?by_what=affiliate").await.status, 400);
    says(&money.page(&money.affiliate, "/reports?by_what=vendor&range=7d").await, &["Vendor"]);

    // Who is suspended leaves the programme's analytics, and comes back with everything.
    money.world.run("update affiliate set is_active = false where affiliate_id = 1").await;
    let without = money.read(&money.admin, "/reports/csv?range=7d&by_what=affiliate").await.body;
    hides(&without, &["EUR"]);
    hides(&money.read(&money.admin, "/reports/csv?range=7d&by_what=country").await.body, &["SE"]);
}
