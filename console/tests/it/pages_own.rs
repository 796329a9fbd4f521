//! Pages about oneself: applying, the profile, documents, links, the shop's set-up, the account.

use serde_json::json;

use crate::people::{For, Person, talk_bytes};
use crate::support::{Answer, World};

const FORM: &str = "application/x-www-form-urlencoded";

/// A small real picture: one grey point.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00,
    0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81,
    0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

async fn world() -> World {
    let world = World::with_programme().await;
    world
        .run(
            "update vendor set allowed_hosts = '{shop.example.com}'; \
             update affiliate set email = username || '@example.com'; \
             insert into affiliate (username, name, email) values ('nina', 'Nina New', 'nina@example.com')",
        )
        .await;
    world
}

/// What a form of ours sends in a person's browser.
async fn submit(world: &World, person: &Person, path: &str, fields: &[(&str, &str)]) -> Answer {
    let [cookie, (_, csrf)] = person.headers();
    let body = encoded(fields.iter().copied().chain([("csrf_token", csrf)]));
    world.send("POST", path, &[cookie, ("content-type", FORM)], &body).await
}

fn encoded<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A form with a file, as a browser sends it.
async fn send_file(
    world: &World,
    person: &Person,
    path: &str,
    fields: &[(&str, &str)],
    file: (&str, &[u8]),
) -> Answer {
    let [(_, cookie), _] = person.headers();
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let (name, content) = file;
    let head =
        format!("--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(content);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}\r\n\
         Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    talk_bytes(world.console.address, &[head.as_bytes(), &body]).await.0
}

#[track_caller]
fn says(answer: &Answer, status: u16, texts: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.body);
    for text in texts {
        assert!(answer.body.contains(text), "{text:?} is not on the page:\n{}", answer.body);
    }
}

#[track_caller]
fn leads(answer: &Answer, to: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, to), "{}", answer.body);
}

#[tokio::test]
async fn somebody_applies_and_is_told_what_happens_next() {
    let world = world().await;
    says(&world.read_as_nobody("/sign-in").await, 200, &["Become an affiliate", "href=\"/apply\""]);
    says(
        &world.read_as_nobody("/apply").await,
        200,
        &["Become an affiliate", "name=\"social_media.instagram\""],
    );
    let post = async |fields: &[(&str, &str)], more: &[(&str, &str)]| {
        let headers: Vec<_> = [("content-type", FORM)].into_iter().chain(more.iter().copied()).collect();
        world.send("POST", "/apply", &headers, &encoded(fields.iter().copied())).await
    };
    let good = [
        ("name", "Olga <b>Example</b>"),
        ("username", "olga"),
        ("email", "olga@example.com"),
        ("password", "four words put together"),
        ("country", "se"),
        ("bio", "Trails & tents"),
    ];
    assert_eq!(post(&good, &[("origin", "https://evil.example.com")]).await.status, 403);
    let bad =
        post(&[good[0], ("username", "O!"), ("email", "olga"), good[3], ("country", "Sweden")], &[]).await;
    says(&bad, 422, &["small letters", "e-mail address such as", "two letters", "Olga &#60;b&#62;Example"]);
    assert!(!bad.body.contains("four words put together"), "no page holds a password");
    let taken = post(&[good[0], ("username", "mara.w"), good[2], good[3]], &[]).await;
    says(&taken, 409, &["This username is taken"]);
    leads(&post(&good, &[]).await, "/apply/sent");
    // Nobody learns which addresses are known.
    leads(&post(&[good[0], ("username", "olga2"), good[2], good[3]], &[]).await, "/apply/sent");
    says(&world.read_as_nobody("/apply/sent").await, 200, &["What happens next", "/profile/documents"]);
    let seen = world.column("select status || ' ' || country from affiliate where username = 'olga'").await;
    assert_eq!(seen, ["pending SE"]);
}

#[tokio::test]
async fn an_invitation_fills_in_the_address_and_is_used_up() {
    let world = world().await;
    world
        .run(
            "insert into invitation (email, vendor_id, token_sha256, rate_ppm, message, invited_by, sent_at, expires_at) \
             values ('ines@example.com', 1, sha256('a made-up token'), 125000, 'Join <i>us</i>', 'Tilly', now(), now() + interval '1 day')",
        )
        .await;
    let page = world.read_as_nobody("/join?token=a+made-up+token").await;
    says(&page, 200, &["value=\"ines@example.com\"", "Nordlicht Outdoor", "12.5", "Join &#60;i&#62;us"]);
    says(&world.read_as_nobody("/join?token=other").await, 404, &["was used, revoked, or has expired"]);
    let fields = [
        ("invitation", "a made-up token"),
        ("name", "Ines"),
        ("username", "ines"),
        ("email", "ines@example.com"),
        ("password", "short"),
    ];
    let send = async |fields: &[(&str, &str)]| {
        world.send("POST", "/apply", &[("content-type", FORM)], &encoded(fields.iter().copied())).await
    };
    says(&send(&fields).await, 422, &["value=\"a made-up token\"", "Nordlicht Outdoor"]);
    let good = [fields[0], fields[1], fields[2], fields[3], ("password", "four words put together")];
    leads(&send(&good).await, "/apply/sent");
    assert_eq!(world.count("select count(*) from invitation where accepted_at is not null").await, 1);
    assert_eq!(world.count("select count(*) from account where email_verified_at is not null and email = 'ines@example.com'").await, 1);
}

#[tokio::test]
async fn an_affiliate_sees_and_changes_the_profile() {
    let world = world().await;
    let (mara, nina) = (world.signed_in(For::Affiliate(1)).await, world.signed_in(For::Affiliate(3)).await);
    says(
        &world.get_as(&mara, "/profile").await,
        200,
        &["Mara W", "Approved", ">Active<", "where your commission goes"],
    );
    says(&world.get_as(&nina, "/profile").await, 200, &["waits for a decision", "Upload a proof"]);
    let fields = [
        ("name", "Mara <i>W</i>"),
        ("country", "de"),
        ("social_media.instagram", "@mara.w"),
        ("version", "1"),
    ];
    leads(&submit(&world, &mara, "/profile", &fields).await, "/profile?done=saved");
    says(
        &world.get_as(&mara, "/profile?done=saved").await,
        200,
        &["Mara &#60;i&#62;W", "value=\"DE\"", "Saved."],
    );
    says(&submit(&world, &mara, "/profile", &fields).await, 412, &["was changed meanwhile"]);
    let bad = submit(
        &world,
        &mara,
        "/profile",
        &[("name", "Mara"), ("website", "javascript:alert(1)"), ("version", "2")],
    )
    .await;
    says(&bad, 422, &["Must be an address such as", "value=\"javascript:alert(1)\""]);
    world.run("update affiliate set status = 'rejected', rejection_reason = 'No <u>site</u>' where affiliate_id = 3").await;
    says(&world.get_as(&nina, "/profile").await, 200, &["was declined", "No &#60;u&#62;site"]);
    let [cookie, _] = mara.headers();
    let without = world.send("POST", "/profile", &[cookie, ("content-type", FORM)], "name=Eve").await;
    assert_eq!(without.status, 403);
    for (role, path) in [("admin", "/profile"), ("admin", "/profile/documents"), ("admin", "/notifications")]
    {
        let operator = world.signed_in(For::Programme(role)).await;
        says(&world.get_as(&operator, path).await, 403, &["Only affiliates"]);
    }
}

#[tokio::test]
async fn bank_data_takes_a_fresh_password_and_is_never_shown() {
    let world = world().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    says(&world.get_as(&mara, "/profile/bank").await, 200, &["There is no bank account yet", "7 days"]);
    let fields = [
        ("bank_name", "Example Bank"),
        ("account_name", "Mara W"),
        ("account_number", "DE75512108001245126198"),
    ];
    says(&submit(&world, &mara, "/profile/bank", &fields).await, 422, &["check digits do not fit"]);
    let fields = [fields[0], fields[1], ("account_number", "DE75512108001245126199")];
    leads(&submit(&world, &mara, "/profile/bank", &fields).await, "/profile/bank?done=saved");
    let page = world.get_as(&mara, "/profile/bank").await;
    says(&page, 200, &["6199", "Payouts to it wait until"]);
    assert!(!page.body.contains("512108001245"), "{}", page.body);
    world.run("update session set reauthenticated_at = now() - interval '11 minutes' where account_id <> 'acc_reader'").await;
    says(
        &world.get_as(&mara, "/profile/bank").await,
        403,
        &["Your password, once more", "value=\"/profile/bank\""],
    );
    says(&submit(&world, &mara, "/profile/bank", &fields).await, 403, &["Your password, once more"]);
}

#[tokio::test]
async fn documents_are_sent_from_the_page_and_refused_at_the_field() {
    let world = world().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let [_, (_, csrf)] = mara.headers();
    let path = "/profile/documents";
    says(&world.get_as(&mara, path).await, 200, &["Nothing was sent yet", "data-upload", "5 MB at most"]);
    let token = ("csrf_token", csrf);
    let sent = send_file(&world, &mara, path, &[token, ("document_type", "identity")], ("id.png", PNG)).await;
    leads(&sent, "/profile/documents?done=document");
    let text =
        send_file(&world, &mara, path, &[token, ("document_type", "identity")], ("id.txt", b"hello")).await;
    says(&text, 422, &["aria-invalid=\"true\"", "must be a JPG, PNG, WEBP or PDF"]);
    let large = vec![0_u8; 5 * 1024 * 1024 + 20_000];
    let large =
        send_file(&world, &mara, path, &[token, ("document_type", "identity")], ("id.png", &large)).await;
    says(&large, 413, &["larger than 5 MB"]);
    for wrong in
        [vec![("document_type", "identity")], vec![("csrf_token", "guessed"), ("document_type", "identity")]]
    {
        assert_eq!(send_file(&world, &mara, path, &wrong, ("id.png", PNG)).await.status, 403);
    }
    assert_eq!(world.count("select count(*) from verification_document").await, 1);
    let api = send_file(&world, &mara, "/v1/affiliate/documents", &[token], ("id.png", PNG)).await;
    assert_eq!(api.status, 403, "programs send the token in a header");
    world
        .run("update verification_document set status = 'rejected', rejection_reason = 'Too <b>dark</b>', verified_at = now(), reviewer = 'x'")
        .await;
    says(&world.get_as(&mara, path).await, 200, &["Identity", "Rejected", "Too &#60;b&#62;dark", "1 KB"]);
    says(&world.get_as(&mara, "/notifications").await, 200, &["was not good enough", "Too &#60;b&#62;dark"]);
}

#[tokio::test]
async fn what_happened_is_new_until_it_is_marked_as_read() {
    let world = world().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let page = world.get_as(&mara, "/notifications").await;
    let all = page.body.matches(">New</span>").count();
    assert!(all > 0, "{}", page.body);
    let told = format!("{all} new notification");
    says(&page, 200, &[told.as_str(), "Mark all as read"]);
    says(&world.get_as(&mara, "/").await, 200, &[told.as_str()]);

    // It happened after the page was loaded, and before it was marked as read.
    let (_, seen) = page.body.split_once("name=\"seen\" value=\"").expect("until when it was seen");
    let seen = seen.split('"').next().expect("a time");
    world
        .run("insert into verification_document (affiliate_id, document_type, object_name, content_type, size_bytes, content_sha256, status, verified_at, reviewer) \
              values (1, 'identity', 'x', 'image/png', 1, sha256('x'), 'approved', now(), 'x')")
        .await;
    let marked = submit(&world, &mara, "/notifications/read", &[("seen", seen)]).await;
    assert_eq!((marked.status, marked.header("location")), (303, "/notifications"), "{}", marked.body);
    says(
        &world.get_as(&mara, "/notifications").await,
        200,
        &["1 new notification<", "Your document (identity) was approved."],
    );
    says(&world.get_as(&mara, "/").await, 200, &["1 new notification<"]);

    // Nobody reads ahead, and what was read is not unread by an older page.
    for seen in ["2999-01-01T00:00:00Z", seen] {
        assert_eq!(submit(&world, &mara, "/notifications/read", &[("seen", seen)]).await.status, 303);
        assert!(!world.get_as(&mara, "/notifications").await.body.contains("Mark all as read"));
    }
    let far = "select count(*) from account where news_read_at > now()";
    assert_eq!(world.count(far).await, 0);
    assert_eq!(submit(&world, &mara, "/notifications/read", &[("seen", "yesterday")]).await.status, 422);
}

#[tokio::test]
async fn links_are_made_changed_and_shared() {
    let world = world().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let page = world.get_as(&mara, "/links/new").await;
    says(&page, 200, &["Nordlicht Outdoor", "Tent Polar 2P", "data-sheet=\"dialog\""]);
    let vendor = world.column("select public_id from vendor where vendor_id = 1").await.remove(0);
    let wanted = [
        ("vendor_id", vendor.as_str()),
        ("destination", "https://shop.example.com/hats"),
        ("code", "hats-26"),
    ];
    let preview = submit(&world, &mara, "/links/new/preview", &wanted).await;
    says(&preview, 200, &["<code>https://shop.example.com/hats?clk="]);
    let preview = submit(&world, &mara, "/links/new/preview", &wanted[..1]).await;
    says(&preview, 200, &["Choose a product, or say which page."]);
    leads(&submit(&world, &mara, "/links/new", &wanted).await, "/links/hats-26?done=link");
    says(&submit(&world, &mara, "/links/new/preview", &wanted).await, 200, &["Another link has this code"]);
    says(
        &submit(&world, &mara, "/links/new", &wanted).await,
        409,
        &["Another link has this code", "aria-invalid"],
    );
    let elsewhere = [wanted[0], ("destination", "https://evil.example.com/"), ("expiry_date", "2020-01-01")];
    says(&submit(&world, &mara, "/links/new", &elsewhere).await, 422, &["aria-invalid=\"true\""]);

    let page = world.get_as(&mara, "/links/hats-26?sub1=spring+mail").await;
    says(&page, 200, &["?sub1=spring+mail", "qr.svg", "class=\"qr\"", "/links/hats-26/deactivate"]);
    let paused = submit(&world, &mara, "/links/hats-26/deactivate", &[]).await;
    leads(&paused, "/links/hats-26?done=paused&of=hats-26");
    says(
        &world.get_as(&mara, paused.header("location")).await,
        200,
        &["action=\"/links/hats-26/activate\"", "Undo"],
    );
    leads(
        &submit(&world, &mara, "/links/hats-26/activate", &[]).await,
        "/links/hats-26?done=activated&of=hats-26",
    );
    let dated = submit(&world, &mara, "/links/hats-26/edit", &[("expiry_date", "2035-12-31")]).await;
    leads(&dated, "/links/hats-26?done=saved");
    says(&world.get_as(&mara, "/links/hats-26/edit").await, 200, &["value=\"2035-12-31\"", "It stays"]);
    says(
        &submit(&world, &mara, "/links/hats-26/edit", &[("expiry_date", "soon")]).await,
        422,
        &["value=\"soon\""],
    );

    let trail = world.signed_in(For::Affiliate(2)).await;
    assert_eq!(world.get_as(&trail, "/links/hats-26/edit").await.status, 404);
    assert_eq!(submit(&world, &trail, "/links/hats-26/deactivate", &[]).await.status, 404);
    let shop = world.signed_in(For::Vendor(1)).await;
    assert_eq!(submit(&world, &shop, "/links/new", &wanted).await.status, 403);
    let operator = world.signed_in(For::Programme("admin")).await;
    says(&world.get_as(&operator, "/links/new").await, 200, &["Nordlicht Outdoor by mara.w"]);
}

#[tokio::test]
async fn a_file_of_links_is_answered_row_by_row() {
    let world = world().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let [_, (_, csrf)] = mara.headers();
    says(&world.get_as(&mara, "/links/import").await, 200, &["vendor_id,product_id", "1000"]);
    let vendor = world.column("select public_id from vendor where vendor_id = 1").await.remove(0);
    let file = format!(
        "vendor_id,destination,code\n{vendor},https://shop.example.com/a,file-1\n{vendor},https://evil.example.com/,file-2\n"
    );
    let token = [("csrf_token", csrf)];
    let done = send_file(&world, &mara, "/links/import", &token, ("links.csv", file.as_bytes())).await;
    says(&done, 200, &["1 made, 1 refused", "href=\"/links/file-1\"", "<th scope=\"row\">3</th>"]);
    let bad = send_file(&world, &mara, "/links/import", &token, ("links.csv", b"colour\nred\n")).await;
    says(&bad, 422, &["not among them or repeated"]);
    assert_eq!(
        send_file(&world, &mara, "/links/import", &[], ("links.csv", file.as_bytes())).await.status,
        403
    );
    let shop = world.signed_in(For::Vendor(1)).await;
    assert_eq!(world.get_as(&shop, "/links/import").await.status, 403);
}

#[tokio::test]
async fn a_vendor_sets_its_shop_up() {
    let world = world().await;
    let (shop, other) = (world.signed_in(For::Vendor(1)).await, world.signed_in(For::Vendor(2)).await);
    says(
        &world.get_as(&shop, "/integration").await,
        200,
        &["/clk.js", "/v1/orders", "There is no address yet", "Nothing has arrived yet"],
    );
    let made = submit(&world, &shop, "/integration", &[("source", "postback")]).await;
    says(&made, 201, &["The secret for Tracker", "/v1/postback/"]);
    let page = world.get_as(&shop, "/integration").await;
    says(&page, 200, &["/v1/postback/"]);
    assert!(!page.body.contains("The secret for"), "a secret is shown once");
    assert!(!world.get_as(&other, "/integration").await.body.contains("/v1/postback/"));
    says(
        &submit(&world, &shop, "/integration", &[("source", "fax")]).await,
        422,
        &["Choose one of the systems"],
    );
    says(&submit(&world, &shop, "/integration/test", &[]).await, 201, &["TEST-", "was taken in"]);
    let tried = world.count(
        "select count(*) from order_event where vendor_id = 1 and order_ref like 'TEST-%' and parked is null",
    );
    assert_eq!(tried.await, 2, "it is placed, and cancelled");
    let page = world.get_as(&shop, "/integration").await;
    says(&page, 200, &["Placed", "Cancelled", "TEST-", "One HTTP call", "Taken in"]);
    says(&world.get_as(&other, "/integration").await, 200, &["Nothing has arrived yet"]);
    let mara = world.signed_in(For::Affiliate(1)).await;
    assert_eq!(world.get_as(&mara, "/integration").await.status, 404);
    assert_eq!(submit(&world, &mara, "/integration/test", &[]).await.status, 404);
}

#[tokio::test]
async fn webhooks_show_their_secret_once() {
    let world = world().await;
    let (shop, other) = (world.signed_in(For::Vendor(1)).await, world.signed_in(For::Vendor(2)).await);
    says(&world.get_as(&shop, "/webhooks").await, 200, &["Nobody is told yet", "topic-order.settled"]);
    let bad = submit(&world, &shop, "/webhooks", &[("url", "ftp://x"), ("topic-payout.paid", "on")]).await;
    says(&bad, 422, &["aria-invalid=\"true\"", "value=\"ftp://x\""]);
    let wanted = [("url", "http://127.0.0.1:9/hook"), ("topic-order.settled", "on")];
    says(&submit(&world, &shop, "/webhooks", &wanted).await, 201, &["whsec_", "shown this once"]);
    let id = world.column("select target_id from webhook_target").await.remove(0);
    let here = format!("/webhooks/{id}");
    let page = world.get_as(&shop, &here).await;
    says(&page, 200, &["http://127.0.0.1:9/hook", "order.settled", "There are no such messages"]);
    assert!(!page.body.contains("whsec_"));
    leads(&submit(&world, &shop, &format!("{here}/test"), &[]).await, &format!("{here}?done=test"));
    says(&world.get_as(&shop, &here).await, 200, &["<th scope=\"row\" role=\"rowheader\">test"]);
    says(&submit(&world, &shop, &format!("{here}/rotate"), &[]).await, 200, &["whsec_", "signs too until"]);
    leads(
        &submit(&world, &shop, &format!("{here}/disable"), &[]).await,
        &format!("{here}?done=untold&of={id}"),
    );
    leads(&submit(&world, &shop, &format!("{here}/enable"), &[]).await, &format!("{here}?done=told&of={id}"));
    assert_eq!(world.get_as(&other, &here).await.status, 404);
    assert_eq!(submit(&world, &other, &format!("{here}/disable"), &[]).await.status, 404);
    let mara = world.signed_in(For::Affiliate(1)).await;
    assert_eq!(world.get_as(&mara, "/webhooks").await.status, 403);
}

#[tokio::test]
async fn keys_are_made_once_and_end() {
    let world = world().await;
    let admin = world.signed_in(For::Programme("admin")).await;
    says(&world.get_as(&admin, "/keys").await, 200, &["There are no keys", "scope-orders:write"]);
    says(
        &submit(&world, &admin, "/keys", &[("name", "Shop")]).await,
        422,
        &["one scope or more", "value=\"Shop\""],
    );
    let wanted = [("name", "Checkout <b>"), ("scope-orders:write", "on"), ("scope-reports:read", "on")];
    let made = submit(&world, &admin, "/keys", &wanted).await;
    says(&made, 201, &["llk_", "Checkout &#60;b&#62;", "orders:write, reports:read"]);
    let id = world.column("select api_key_id from api_key").await.remove(0);
    assert!(!world.get_as(&admin, "/keys").await.body.contains(&format!("llk_{id}_\"")));
    leads(&submit(&world, &admin, &format!("/keys/{id}/revoke"), &[]).await, "/keys?done=key-revoked");
    says(&world.get_as(&admin, "/keys").await, 200, &["Revoked"]);
    assert_eq!(submit(&world, &admin, "/keys/nobody/revoke", &[]).await.status, 404);
    let reviewer = world.signed_in(For::Programme("reviewer")).await;
    says(&world.get_as(&reviewer, "/keys").await, 403, &["accounts:write"]);
}

#[tokio::test]
async fn everybody_has_settings() {
    let world = world().await;
    for whom in [For::Programme("finance"), For::Vendor(1), For::Affiliate(1)] {
        let person = world.signed_in(whom).await;
        says(
            &world.get_as(&person, "/settings").await,
            200,
            &["Ada Example", "Change the password", "Add an app"],
        );
        let page = world.get_as(&person, "/settings/totp").await;
        says(&page, 200, &["class=\"qr\"", "name=\"enrolment\""]);
        let enrolment =
            page.body.split("name=\"enrolment\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let wrong = [("enrolment", enrolment.expect("an enrolment")), ("totp", "000 00")];
        says(
            &submit(&world, &person, "/settings/totp", &wrong).await,
            422,
            &["This is not the app", "class=\"qr\""],
        );
        let differ = [("current_password", "x"), ("password", "four words put together"), ("again", "other")];
        says(
            &submit(&world, &person, "/settings/password", &differ).await,
            422,
            &["The two passwords differ"],
        );
    }
    let known = json!(world.count("select count(*) from account where totp_sealed is not null").await);
    assert_eq!(known, json!(0));
}
