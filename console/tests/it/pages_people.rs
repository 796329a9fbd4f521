//! The pages about people and what they agreed on: who sees which, what they say, and what their forms do.

use url::form_urlencoded;

use crate::people::{For, Person, talk_bytes};
use crate::support::{Answer, World, noon};

/// Somebody who waits, with markup wherever one may type.
const APPLICANT: &str = "\
    insert into affiliate (username, name, email, phone, country, bio, website, status) values \
        ('anna', '<b>Anna</b>', 'anna@example.com', '+46 1', 'SE', '<script>alert(5)</script>', 'https://anna.example.com/', 'pending')";

/// A small real picture: one grey point.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00,
    0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81,
    0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// What a browser sends with the form of one of our pages.
async fn submit(world: &World, who: &Person, path: &str, fields: &[(&str, &str)]) -> Answer {
    let [_, (_, token)] = who.headers();
    let fields = [("csrf_token", token)].into_iter().chain(fields.iter().copied());
    send(world, who, path, &form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
        .await
}

async fn send(world: &World, who: &Person, path: &str, body: &str) -> Answer {
    let [cookie, _] = who.headers();
    let kind = ("content-type", "application/x-www-form-urlencoded");
    world.send("POST", path, &[cookie, kind], body).await
}

/// Where a form leads that did what it should.
fn led(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location")
}

fn says(answer: &Answer, texts: &[&str]) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    for text in texts {
        assert!(answer.body.contains(text), "{text:?} is not on the page:\n{}", answer.body);
    }
}

/// The version that a page's forms carry.
fn version(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("name=\"version\" value=\"").expect("a form with a version");
    rest.split('"').next().unwrap_or_default().to_owned()
}

async fn with_anna() -> (World, Person, String) {
    let world = World::with_programme().await;
    world.run(APPLICANT).await;
    let admin = world.signed_in(For::Programme("admin")).await;
    let anna = world.name_of(3).await;
    (world, admin, anna)
}

#[tokio::test]
async fn s2_s15_s37_s38_the_list_of_affiliates() {
    let (world, admin, anna) = with_anna().await;
    world.clicks(1, noon(1), 1_234, 5).await;
    world.run("update affiliate set is_active = false where affiliate_id = 2").await;
    let page = world.get_as(&admin, "/affiliates").await;
    says(
        &page,
        &[
            "1,234",
            "badge good\">Active",
            "badge bad\">Suspended",
            "Pending<span class=\"count\">1</span>",
            "Approved<span class=\"count\">2</span>",
            "Invite affiliates",
            "anna@example.com",
            ">Block<",
            ">Reactivate<",
            &format!("/affiliates/{anna}/review"),
        ],
    );
    let places = ["@anna", "@mara.w"].map(|name| page.body.find(name).expect(name));
    assert!(places.is_sorted(), "who waits comes first");
    let narrowed = world.get_as(&admin, "/affiliates?is_active=false&done=saved&utm_source=mail").await;
    says(&narrowed, &["@trailnotes", "Saved."]);
    assert!(!narrowed.body.contains("@mara.w"));
    says(&world.get_as(&admin, "/affiliates?search=nobody").await, &["Nobody fits."]);
    assert_eq!(world.get_as(&admin, "/affiliates?country=Sweden").await.status, 400);
}

#[tokio::test]
async fn vendors_see_their_partners_and_affiliates_nobody() {
    let (world, _, anna) = with_anna().await;
    let vendor = world.signed_in(For::Vendor(1)).await;
    let page = world.get_as(&vendor, "/affiliates").await;
    says(&page, &["@mara.w"]);
    for hidden in ["anna", "Invite affiliates", ">Block<", "/review"] {
        assert!(!page.body.contains(hidden), "{hidden}");
    }
    let mara = world.name_of(1).await;
    let profile = world.get_as(&vendor, &format!("/affiliates/{mara}")).await;
    says(&profile, &["Total clicks", "Unique visits"]);
    for hidden in ["Bank account", "Verification documents", "Suspend"] {
        assert!(!profile.body.contains(hidden), "{hidden}");
    }
    assert_eq!(world.get_as(&vendor, &format!("/affiliates/{anna}")).await.status, 404);
    assert_eq!(world.get_as(&vendor, &format!("/affiliates/{anna}/review")).await.status, 403);
    let affiliate = world.signed_in(For::Affiliate(1)).await;
    for path in ["/affiliates", "/invitations", "/team", "/audit", &format!("/affiliates/{mara}")] {
        assert_eq!(world.get_as(&affiliate, path).await.status, 403, "{path}");
    }
    assert_eq!(world.read_as_nobody("/affiliates").await.header("location"), "/sign-in?next=%2Faffiliates");
}

#[tokio::test]
async fn s3_to_s8_s14_the_three_tabs() {
    let (world, admin, anna) = with_anna().await;
    let mara = world.name_of(1).await;
    world.clicks(1, noon(1), 77, 3).await;
    says(
        &world.get_as(&admin, &format!("/affiliates/{mara}")).await,
        &[
            "Total clicks",
            ">77<",
            "Unique visits",
            "Sales",
            "Revenue",
            "Bank account",
            ">Suspend<",
            "Overview",
        ],
    );
    says(
        &world.get_as(&admin, &format!("/affiliates/{mara}/sales")).await,
        &["No sales yet.", "Abandoned", "Paid"],
    );
    says(
        &world.get_as(&admin, &format!("/affiliates/{mara}/links")).await,
        &[
            "<code>summer-1</code>",
            "Tent Polar 2P",
            "Nordlicht Outdoor",
            ">Pause<",
            ">Activate<",
            "Expired",
            "never",
        ],
    );
    let page = world.get_as(&admin, &format!("/affiliates/{anna}")).await;
    says(&page, &["&#60;script&#62;alert(5)", "+46 1", "https://anna.example.com/"]);
    assert!(!page.body.contains("<script>alert") && !page.body.contains("<b>Anna"));
    for tab in ["", "/sales", "/links", "/review"] {
        assert_eq!(world.get_as(&admin, &format!("/affiliates/aff_nobody{tab}")).await.status, 404, "{tab}");
    }
}

#[tokio::test]
async fn s16_s26_s29_suspended_from_the_list_and_undone() {
    let (world, admin, _) = with_anna().await;
    let mara = world.name_of(1).await;
    let path = format!("/affiliates/{mara}/suspend");
    assert_eq!(send(&world, &admin, &path, "csrf_token=guessed").await.status, 403);
    let foreign = [admin.headers()[0], ("origin", "https://evil.example.com")];
    assert_eq!(world.send("POST", &path, &foreign, "").await.status, 403);
    let finance = world.signed_in(For::Programme("finance")).await;
    assert_eq!(submit(&world, &finance, &path, &[]).await.status, 403);
    assert_eq!(world.count("select count(*) from affiliate where not is_active").await, 0);
    let done = submit(&world, &admin, &path, &[]).await;
    let there = led(&done).to_owned();
    assert_eq!(there, format!("/affiliates?done=suspended&of={mara}"));
    let undo = format!("action=\"/affiliates/{mara}/reactivate\"");
    says(&world.get_as(&admin, &there).await, &["Suspended. The links stop tracking", &undo, ">Undo<"]);
    assert_eq!(world.count("select count(*) from link where affiliate_id = 1 and is_active").await, 0);
    led(&submit(&world, &admin, &format!("/affiliates/{mara}/reactivate"), &[]).await);
    assert_eq!(world.count("select count(*) from link where affiliate_id = 1 and is_active").await, 2);
}

#[tokio::test]
async fn s23_s24_s25_an_application_is_reviewed_once() {
    let (world, admin, anna) = with_anna().await;
    world.run("insert into affiliate (username, name, status) values ('next', 'Next One', 'pending')").await;
    let review = format!("/affiliates/{anna}/review");
    let page = world.get_as(&admin, &review).await;
    says(&page, &["Next: Next One", "2 applications wait", "No documents yet.", "Approve the application"]);
    let reject = format!("/affiliates/{anna}/reject");
    let version = version(&page);
    let empty = submit(&world, &admin, &reject, &[("version", &version), ("reason", "  ")]).await;
    assert_eq!(empty.status, 422);
    assert!(empty.body.contains("Must say why"), "{}", empty.body);
    let stale = submit(&world, &admin, &reject, &[("version", "999"), ("reason", "no")]).await;
    assert_eq!(stale.status, 412);
    let typed = [("version", version.as_str()), ("reason", "<i>no site</i>")];
    let there = led(&submit(&world, &admin, &reject, &typed).await).to_owned();
    let after = world.get_as(&admin, &there).await;
    says(&after, &["Rejected. The affiliate was told why.", "&#60;i&#62;no site&#60;/i&#62;"]);
    assert!(!after.body.contains("Approve the application"), "decided once");
    assert_eq!(submit(&world, &admin, &format!("/affiliates/{anna}/approve"), &typed).await.status, 412);
    let next = world.name_of(4).await;
    let page = world.get_as(&admin, &format!("/affiliates/{next}/review")).await;
    led(&submit(
        &world,
        &admin,
        &format!("/affiliates/{next}/approve"),
        &[("version", &self::version(&page))],
    )
    .await);
    assert_eq!(
        world
            .count("select count(*) from affiliate where affiliate_id = 4 and approved_at is not null")
            .await,
        1
    );
}

#[tokio::test]
async fn s20_s21_documents_are_seen_in_the_page_and_each_look_is_written_down() {
    let (world, admin, _) = with_anna().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let head = format!(
        "POST /v1/affiliate/documents?type=identity HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}Content-Type: image/png\r\nContent-Length: {}\r\n\r\n",
        mara.lines(),
        PNG.len()
    );
    let sent = talk_bytes(world.console.address, &[head.as_bytes(), PNG]).await.0;
    assert_eq!(sent.status, 201, "{}", sent.body);
    let json = sent.json();
    let (whose, id) = (world.name_of(1).await, json["document_id"].as_str().expect("a name"));
    let at = format!("/affiliates/{whose}/documents/{id}");
    let review = world.get_as(&admin, &format!("/affiliates/{whose}/review")).await;
    says(&review, &[&format!("<img src=\"{at}\""), "Identity", "PNG"]);
    let line = admin.lines();
    let get =
        |path: String| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{line}\r\n");
    let (picture, _) = talk_bytes(world.console.address, &[get(at.clone()).as_bytes()]).await;
    assert_eq!(
        [
            picture.header("content-type"),
            picture.header("content-disposition"),
            picture.header("x-content-type-options")
        ],
        ["image/png", "inline", "nosniff"]
    );
    let (file, _) = talk_bytes(world.console.address, &[get(format!("{at}/file")).as_bytes()]).await;
    assert!(file.header("content-disposition").starts_with("attachment"));
    assert_eq!(world.count("select count(*) from audit_entry where action = 'document.read'").await, 2);
    for who in [For::Vendor(1), For::Affiliate(1), For::Programme("finance")] {
        let who = world.signed_in(who).await;
        assert_eq!(world.get_as(&who, &at).await.status, 403);
    }
    let other = world.name_of(2).await;
    assert_eq!(world.get_as(&admin, &format!("/affiliates/{other}/documents/{id}")).await.status, 404);
    let typed = [("version", "1"), ("reason", "")];
    let refused = submit(&world, &admin, &format!("{at}/reject"), &typed).await;
    assert!(refused.status == 422 && refused.body.contains("Must say why"), "{}", refused.body);
    led(&submit(&world, &admin, &format!("{at}/reject"), &[("version", "1"), ("reason", "blurred")]).await);
    let text = "select status || ': ' || rejection_reason from verification_document";
    assert_eq!(world.column(text).await, ["rejected: blurred"]);
}

#[tokio::test]
async fn s1_several_people_are_invited_at_once() {
    let (world, admin, _) = with_anna().await;
    says(&world.get_as(&admin, "/invitations").await, &["Nobody was invited yet."]);
    says(&world.get_as(&admin, "/invitations/new").await, &["data-sheet=\"dialog\"", "Nordlicht Outdoor"]);
    let fields =
        [("emails", "ada@example.com, nobody\nANNA@example.com ada@example.com"), ("message", "Hello")];
    let sent = submit(&world, &admin, "/invitations", &fields).await;
    says(
        &sent,
        &["1 of 4 invited", "this is no mail address", "takes part already", "stands in the list twice"],
    );
    let refused =
        submit(&world, &admin, "/invitations", &[("emails", "eve@example.com"), ("rate", "5%")]).await;
    assert!(refused.status == 422 && refused.body.contains("eve@example.com"), "what was typed is kept");
    let listed = world.get_as(&admin, "/invitations").await;
    says(&listed, &["ada@example.com", "badge wait\">Sent", ">Revoke<"]);
    let id = world.column("select invitation_id from invitation").await.remove(0);
    led(&submit(&world, &admin, &format!("/invitations/{id}/resend"), &[]).await);
    led(&submit(&world, &admin, &format!("/invitations/{id}/revoke"), &[]).await);
    says(&world.get_as(&admin, "/invitations?status=revoked").await, &["badge off\">Revoked"]);
    assert_eq!(submit(&world, &admin, &format!("/invitations/{id}/resend"), &[]).await.status, 409);
}

#[tokio::test]
async fn s34_affiliates_ask_and_vendors_answer() {
    let (world, admin, _) = with_anna().await;
    let (mara, teas) = (world.signed_in(For::Affiliate(1)).await, world.signed_in(For::Vendor(2)).await);
    says(&world.get_as(&mara, "/requests").await, &["You asked for nothing yet."]);
    says(&world.get_as(&mara, "/requests/new").await, &["Promote a vendor", "Your message"]);
    assert_eq!(world.get_as(&admin, "/requests/new").await.status, 403);
    let vendor = world.column("select public_id from vendor where vendor_id = 2").await.remove(0);
    let fields =
        [("request_type", "partner_with_vendor"), ("vendor_id", &vendor), ("message", "<u>please</u>")];
    led(&submit(&world, &mara, "/requests", &fields).await);
    let again = submit(&world, &mara, "/requests", &fields).await;
    assert!(again.status == 409 && again.body.contains("You asked for this already"), "{}", again.body);
    let id = world.column("select request_id from affiliate_request").await.remove(0);
    let page = world.get_as(&teas, &format!("/requests/{id}")).await;
    says(&page, &["&#60;u&#62;please", "Commission you agree on", "data-sheet=\"dialog\""]);
    let outdoors = world.signed_in(For::Vendor(1)).await;
    assert_eq!(world.get_as(&outdoors, &format!("/requests/{id}")).await.status, 404);
    let version = version(&page);
    let approve = format!("/requests/{id}/approve");
    let without =
        submit(&world, &teas, &approve, &[("version", &version), ("response_message", "yes")]).await;
    assert!(without.status == 422 && without.body.contains("Say the commission"), "{}", without.body);
    let fields = [("version", version.as_str()), ("rate", "7.5%"), ("response_message", "yes")];
    led(&submit(&world, &teas, &approve, &fields).await);
    says(&world.get_as(&mara, "/requests").await, &["Approved", ">yes<"]);
    says(&world.get_as(&mara, "/partnerships").await, &["Vendors you promote", "7.5%"]);
}

#[tokio::test]
async fn s39_s40_b5_partnerships_and_their_rates() {
    let (world, admin, _) = with_anna().await;
    world.run("insert into partnership_rate (vendor_id, affiliate_id, since, rate_ppm) values (1, 1, '2026-01-01', 100000)").await;
    says(&world.get_as(&admin, "/partnerships?status=active").await, &["Mara W", "Nordlicht Outdoor", "10%"]);
    let id = world
        .column("select public_id from partnership where vendor_id = 1 and affiliate_id = 1")
        .await
        .remove(0);
    let page = world.get_as(&admin, &format!("/partnerships/{id}")).await;
    says(&page, &["In force", "10%", ">Deactivate<", "Another commission"]);
    let rate = format!("/partnerships/{id}/rate");
    let bad = submit(&world, &admin, &rate, &[("version", &version(&page)), ("rate", "lots")]).await;
    assert!(bad.status == 422 && bad.body.contains("Must be a percentage"), "{}", bad.body);
    let soon = (chrono::DateTime::<chrono::Utc>::from(runtime::clock::system_time())
        + chrono::TimeDelta::days(30))
    .format("%Y-%m-%d")
    .to_string();
    led(&submit(&world, &admin, &rate, &[("version", &version(&page)), ("rate", "12%"), ("since", &soon)])
        .await);
    let page = world.get_as(&admin, &format!("/partnerships/{id}")).await;
    says(&page, &["Planned", "12%"]);
    led(&submit(&world, &admin, &format!("/partnerships/{id}/deactivate"), &[("version", &version(&page))])
        .await);
    says(&world.get_as(&admin, &format!("/partnerships/{id}")).await, &["Inactive", ">Activate again<"]);
    let nobodys = submit(&world, &admin, &format!("/partnerships/{id}/delete"), &[("version", "1")]).await;
    assert_eq!(nobodys.status, 404);
    let teas = world.signed_in(For::Vendor(2)).await;
    assert_eq!(world.get_as(&teas, &format!("/partnerships/{id}")).await.status, 404);
    let mara = world.signed_in(For::Affiliate(1)).await;
    let own = world.get_as(&mara, &format!("/partnerships/{id}")).await;
    assert!(own.status == 200 && !own.body.contains("Another commission"));
}

#[tokio::test]
async fn vendors_and_products_are_made_and_changed() {
    let (world, admin, _) = with_anna().await;
    let fields = [("name", "Made-up Teas"), ("allowed_hosts", "tea.example.com\n.tea.example.net")];
    let there = led(&submit(&world, &admin, "/vendors", &fields).await).to_owned();
    let page = world.get_as(&admin, &there).await;
    says(
        &page,
        &["Made-up Teas", "tea.example.com", "14 days", "30 days", "The last click", "https:// only"],
    );
    let bad = submit(&world, &admin, "/vendors", &[("name", "X"), ("allowed_hosts", "no host!")]).await;
    assert!(bad.status == 422 && bad.body.contains("aria-invalid"), "{}", bad.body);
    let id = there.trim_start_matches("/vendors/").split('?').next().unwrap_or_default().to_owned();
    let terms =
        [("version", version(&page)), ("hold_days", "7".to_owned()), ("window_days", "400".to_owned())];
    let terms = terms.each_ref().map(|(name, value)| (*name, value.as_str()));
    let bad = submit(&world, &admin, &format!("/vendors/{id}/terms"), &terms).await;
    assert!(bad.status == 422 && bad.body.contains("Must be from 1 to 365"), "{}", bad.body);
    let good = [terms[0], terms[1], ("attribution", "first_click")];
    led(&submit(&world, &admin, &format!("/vendors/{id}/terms"), &good).await);
    says(&world.get_as(&admin, &format!("/vendors/{id}")).await, &["7 days", "The first click", "Ended"]);
    says(&world.get_as(&admin, &format!("/vendors/{id}/edit")).await, &["tea.example.com", "Save"]);
    let product =
        [("vendor_id", id.as_str()), ("name", "Pot"), ("destination", "https://tea.example.com/pot")];
    let priced = |price, currency| [&product[..], &[("price", price), ("currency", currency)]].concat();
    let bad = submit(&world, &admin, "/products", &priced("12,50", "EUR")).await;
    assert!(bad.status == 422 && bad.body.contains("12,50"), "{}", bad.body);
    let there = led(&submit(&world, &admin, "/products", &priced("12.50", "EUR")).await).to_owned();
    let page = world.get_as(&admin, &there).await;
    says(&page, &["Pot", "12.50 EUR", "each partnership’s counts"]);
    let path = there.split('?').next().unwrap_or_default().to_owned();
    led(&submit(&world, &admin, &format!("{path}/rate"), &[("version", &version(&page)), ("rate", "20%")])
        .await);
    says(&world.get_as(&admin, "/products?search=pot").await, &["Pot", "20%"]);
    let there = led(&submit(&world, &admin, &format!("{path}/withdraw"), &[]).await).to_owned();
    says(&world.get_as(&admin, &there).await, &["Not offered any more.", ">Undo<"]);
    let page = world.get_as(&admin, &format!("{path}/edit")).await;
    says(&page, &["value=\"12.50\""]);
    let emptied = [
        ("version", version(&page)),
        ("name", "Pot".to_owned()),
        ("destination", "https://tea.example.com/pot".to_owned()),
    ];
    let emptied: Vec<_> = emptied.iter().map(|(name, value)| (*name, value.as_str())).collect();
    led(&submit(&world, &admin, &path, &emptied).await);
    assert_eq!(world.count("select count(*) from product where price_minor is not null").await, 0);
    led(&submit(&world, &admin, &format!("/vendors/{id}/deactivate"), &[]).await);
    says(&world.get_as(&admin, "/vendors?is_active=false").await, &["Made-up Teas", "Inactive"]);
    let vendor = world.signed_in(For::Vendor(1)).await;
    assert_eq!(world.get_as(&vendor, "/vendors/new").await.status, 403);
    let page = world.get_as(&vendor, "/products").await;
    says(&page, &["Tent Polar 2P", "New product"]);
}

#[tokio::test]
async fn accounts_are_managed_and_the_record_says_so() {
    let (world, admin, _) = with_anna().await;
    let fields = [("email", "rita@example.com"), ("name", "Rita & Daughters"), ("role", "reviewer")];
    led(&submit(&world, &admin, "/team", &fields).await);
    let twice = submit(&world, &admin, "/team", &fields).await;
    assert!(matches!(twice.status, 409 | 422), "{} {}", twice.status, twice.body);
    says(
        &world.get_as(&admin, "/team?role=reviewer").await,
        &["rita@example.com", "Rita &#38; Daughters", "not yet"],
    );
    let id = world.column("select account_id from account where email = 'rita@example.com'").await.remove(0);
    let page = world.get_as(&admin, &format!("/team/{id}")).await;
    let change = [("version", version(&page)), ("name", "Rita".to_owned()), ("role", "finance".to_owned())];
    let change: Vec<_> = change.iter().map(|(name, value)| (*name, value.as_str())).collect();
    led(&submit(&world, &admin, &format!("/team/{id}"), &change).await);
    led(&submit(&world, &admin, &format!("/team/{id}/reset"), &[]).await);
    let there = led(&submit(&world, &admin, &format!("/team/{id}/disable"), &[]).await).to_owned();
    says(&world.get_as(&admin, &there).await, &["Disabled", &format!("/team/{id}/enable")]);
    led(&submit(&world, &admin, &format!("/team/{id}/enable"), &[]).await);
    let record = world.get_as(&admin, &format!("/audit?subject={id}")).await;
    says(&record, &["Account: disable", "Account: create", "Account: reset", "finance"]);
    says(&world.get_as(&admin, "/audit?action=account.enable&from=2026-01-01").await, &["Account: enable"]);
    says(&world.get_as(&admin, "/audit?action=nothing").await, &["Nothing fits."]);
    let reviewer = world.signed_in(For::Programme("reviewer")).await;
    for path in ["/team", "/team/new", "/audit"] {
        assert_eq!(world.get_as(&reviewer, path).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn coupons_credit_a_link_and_end() {
    let (world, admin, _) = with_anna().await;
    let (vendor, mara) = (world.signed_in(For::Vendor(1)).await, world.signed_in(For::Affiliate(1)).await);
    let code = world.column("select code from link where vendor_id = 1 and affiliate_id = 1").await.remove(0);
    says(&world.get_as(&vendor, "/coupons").await, &["No coupons yet.", "New coupon"]);
    let fields = [("coupon_code", "walk-with-mara"), ("link", code.as_str()), ("until", "2100-01-01")];
    let there = led(&submit(&world, &vendor, "/coupons", &fields).await).to_owned();
    says(
        &world.get_as(&vendor, &there).await,
        &["Created.", "WALK-WITH-MARA", "In force", "1 Jan 2100", &code],
    );
    let twice = submit(&world, &vendor, "/coupons", &fields).await;
    assert!(twice.status == 422 && twice.body.contains("had, a coupon"), "{} {}", twice.status, twice.body);
    let unknown = submit(&world, &vendor, "/coupons", &[("coupon_code", "OTHER"), ("link", "nowhere")]).await;
    assert!(unknown.status == 422 && unknown.body.contains("no link with this code"), "{}", unknown.body);

    let page = world.get_as(&mara, "/coupons").await;
    says(&page, &["WALK-WITH-MARA"]);
    assert!(!page.body.contains("New coupon") && !page.body.contains("End it now"));
    assert_eq!(world.get_as(&mara, "/coupons/new").await.status, 403);
    says(&world.get_as(&admin, "/coupons?coupon_code=nothing").await, &["No coupon fits."]);
    let page = world.get_as(&admin, "/coupons").await;
    let id = world.column("select public_id from coupon").await.remove(0);
    let seen = version(&page);
    let refused = submit(&world, &mara, &format!("/coupons/{id}/end"), &[("version", &seen)]).await;
    assert_eq!(refused.status, 403);
    let there =
        led(&submit(&world, &admin, &format!("/coupons/{id}/end"), &[("version", &seen)]).await).to_owned();
    let page = world.get_as(&admin, &there).await;
    says(&page, &["It credits nobody any more.", ">Ended<"]);
    assert!(!page.body.contains("End it now"));
}
