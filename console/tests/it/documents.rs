//! Documents as affiliates send them, well-meaning or not, and as operators judge them.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use runtime::clock;
use serde_json::{Value, json};

use crate::people::{For, Person, talk_bytes};
use crate::support::{Answer, World, documents_of};

const OWN: &str = "/v1/affiliate/documents";
const MAX: usize = 5 * 1024 * 1024;

/// A small real picture: one grey point.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00,
    0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81,
    0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

fn pdf() -> Vec<u8> {
    pdf_with("")
}

/// A whole PDF with something in the middle.
fn pdf_with(middle: &str) -> Vec<u8> {
    let body = format!("%PDF-1.7\n{middle}\n1 0 obj<</Type/Catalog>>endobj\n");
    format!("{body}xref\n0 1\ntrailer <</Root 1 0 R>>\nstartxref\n{}\n%%EOF\n", body.len()).into_bytes()
}

/// The file as the whole body.
async fn upload(world: &World, person: &Person, query: &str, kind: &str, content: &[u8]) -> Answer {
    let head = format!(
        "POST {OWN}{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        person.lines(),
        content.len()
    );
    talk_bytes(world.console.address, &[head.as_bytes(), content]).await.0
}

/// The file as a part of a form.
async fn send_form(world: &World, person: &Person, parts: &[(&str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (disposition, content) in parts {
        body.extend_from_slice(
            format!("--edge\r\nContent-Disposition: form-data; {disposition}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    upload(world, person, "", "multipart/form-data; boundary=edge", &body).await
}

/// Every file in the store.
fn files(world: &World) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() { walk(&path, found) } else { found.push(path.display().to_string()) }
        }
    }
    let mut found = Vec::new();
    walk(&documents_of(&world.url), &mut found);
    found
}

async fn nothing_was_kept(world: &World) {
    assert_eq!(files(world), [] as [String; 0]);
    assert_eq!(world.count("select count(*) from verification_document").await, 0);
}

#[tokio::test]
async fn s20_s21_s22_documents_are_sent_seen_and_judged() {
    let world = World::with_programme().await;
    world.run("update affiliate set email = 'mara@example.com' where affiliate_id = 1").await;
    let (mara, ada) =
        (world.signed_in(For::Affiliate(1)).await, world.signed_in(For::Programme("reviewer")).await);
    let sent = upload(&world, &mara, "?type=identity", "image/png", PNG).await;
    assert_eq!(sent.status, 201, "{}", sent.body);
    let document = sent.json();
    assert_eq!(
        json!([
            document["document_type"],
            document["content_type"],
            document["status"],
            document["verified_at"]
        ]),
        json!(["identity", "image/png", "pending", null])
    );
    assert_eq!(sent.header("location"), document["document_url"].as_str().expect("an address"));
    let form = send_form(
        &world,
        &mara,
        &[("name=\"document_type\"", b"address"), ("name=\"file\"; filename=\"bill.PDF\"", &pdf())],
    )
    .await;
    assert_eq!(
        (form.status, &form.json()["content_type"]),
        (201, &json!("application/pdf")),
        "{}",
        form.body
    );
    assert_eq!(world.read_by(&mara, OWN).await["data"].as_array().map(Vec::len), Some(2));

    let of_mara = format!("/v1/affiliates/{}/documents", world.name_of(1).await);
    let list = world.read_by(&ada, &of_mara).await;
    let urls: Vec<&str> =
        list["data"].as_array().expect("a list").iter().filter_map(|d| d["document_url"].as_str()).collect();
    let (first, second) = (urls[1].trim_end_matches("/content"), urls[0].trim_end_matches("/content"));
    let approved = world.act(&ada, &format!("{first}/approve")).await;
    assert_eq!((approved.status, &approved.json()["status"]), (200, &json!("approved")), "{}", approved.body);
    assert!(approved.json()["verified_at"].is_string() && approved.json()["reviewer"].is_string());
    assert_eq!(world.act(&ada, &format!("{second}/reject")).await.status, 415, "a reason is owed");
    let rejected =
        world.send_as(&ada, "POST", &format!("{second}/reject"), &json!({"reason": "Not legible."})).await;
    assert_eq!((rejected.status, &rejected.json()["rejection_reason"]), (200, &json!("Not legible.")));
    for (path, body) in [("approve", json!({})), ("reject", json!({"reason": "x"}))] {
        let again = world.send_as(&ada, "POST", &format!("{first}/{path}"), &body).await;
        assert_eq!((again.status, &again.json()["code"]), (409, &json!("illegal_state")));
    }
    let own = world.read_by(&mara, OWN).await;
    assert_eq!(own["data"][0]["rejection_reason"], "Not legible.");
    assert_eq!(own["data"][0]["reviewer"], Value::Null, "who judged is not for the affiliate");
    assert!(world.column("select body from mail").await[0].contains("Not legible."));
    assert_eq!(
        world.column("select action from audit_entry order by audit_entry_id").await,
        ["document.submit", "document.submit", "document.approve", "document.reject"]
    );
}

#[tokio::test]
async fn s53_s54_content_is_an_attachment_in_a_sandbox_for_those_who_may() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let sent = upload(&world, &mara, "?type=tax", "application/pdf", &pdf()).await.json();
    let (own, id) =
        (sent["document_url"].as_str().expect("an address"), sent["document_id"].as_str().expect("a name"));
    let of_mara = format!("/v1/affiliates/{}/documents/{id}/content", world.name_of(1).await);
    let ada = world.signed_in(For::Programme("reviewer")).await;
    for (person, path) in [(&mara, own), (&ada, &of_mara)] {
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n", person.lines());
        let (answer, content) = talk_bytes(world.console.address, &[head.as_bytes()]).await;
        assert_eq!((answer.status, content), (200, pdf()));
        assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{id}.pdf\""));
        assert_eq!(answer.header("content-type"), "application/pdf");
        assert!(answer.header("content-security-policy").starts_with("sandbox; default-src 'none'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(world.count("select count(*) from audit_entry where action = 'document.read'").await, 2);

    let other = world.signed_in(For::Affiliate(2)).await;
    let missing = world.get_as(&other, &format!("{OWN}/doc_0/content")).await;
    let foreign = world.get_as(&other, own).await;
    assert_eq!((foreign.status, &foreign.body), (404, &missing.body), "another's is as good as none");
    let of_other = format!("/v1/affiliates/{}/documents/{id}/content", world.name_of(2).await);
    assert_eq!(world.get_as(&ada, &of_other).await.status, 404, "the address must name whose it is");
    for odd in ["%00", "%ff", "..%2f..", "doc_%27--"] {
        let path = format!("/v1/affiliates/{}/documents/{odd}/content", world.name_of(1).await);
        let answers =
            [world.get_as(&ada, &path).await, world.get_as(&mara, &format!("{OWN}/{odd}/content")).await];
        for answer in answers {
            assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("no_such_document")), "{odd}");
        }
    }
    for whom in [For::Vendor(1), For::Programme("finance"), For::Affiliate(2)] {
        let person = world.signed_in(whom).await;
        assert_eq!(world.get_as(&person, &of_mara).await.status, 403, "{whom:?}");
    }
    assert_eq!(world.send("GET", own, &[], "").await.status, 401);

    world.run("update verification_document set content_sha256 = sha256('other')").await;
    assert_eq!(world.get_as(&mara, own).await.status, 500, "a file that was changed is not handed out");
}

#[tokio::test]
async fn s51_what_is_not_a_document_is_refused_and_leaves_nothing() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let zip_end = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    let with = |tail: &[u8]| [PNG, tail].concat();
    let pdf_then = |tail: &[u8]| [&pdf()[..], tail].concat();
    let active = pdf_with("2 0 obj<</S/JavaScript/JS(app.alert(1))>>endobj");
    for (kind, content, code) in [
        ("image/png", &b""[..], "empty_document"),
        ("image/png", b"hello", "unsupported_kind"),
        (
            "image/svg+xml",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
            "unsupported_kind",
        ),
        ("text/html", b"<!doctype html><script>alert(1)</script>", "unsupported_kind"),
        ("image/gif", b"GIF89a\x01\0\x01\0\0\0\0;", "unsupported_kind"),
        ("application/zip", &zip_end, "unsupported_kind"),
        ("image/png", &with(&zip_end), "two_kinds"),
        ("image/png", &with(b"%PDF-1.4"), "two_kinds"),
        ("image/png", &with(b"<script>alert(1)</script>"), "two_kinds"),
        ("application/pdf", &pdf_then(&zip_end), "two_kinds"),
        ("application/pdf", &pdf_then(b"MZ"), "damaged_document"),
        ("application/pdf", b"%PDF-1.7 and nothing else", "damaged_document"),
        ("application/pdf", &active, "active_document"),
        ("application/pdf", PNG, "kind_mismatch"),
        ("image/png", &pdf(), "kind_mismatch"),
        ("image/png", &PNG[..40], "damaged_document"),
        ("image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF\0", "damaged_document"),
        ("image/webp", b"RIFF\x24\0\0\0WEBPVP8L", "damaged_document"),
    ] {
        let answer = upload(&world, &mara, "?type=identity", kind, content).await;
        assert_eq!((answer.status, &answer.json()["code"]), (422, &json!(code)), "{kind}: {}", answer.body);
        assert_eq!(answer.json()["field"], "file");
    }
    nothing_was_kept(&world).await;
}

#[tokio::test]
async fn s51_bytes_are_counted_while_they_come() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let mut large = PNG.to_vec();
    large.resize(MAX + 1, 0);
    let answer = upload(&world, &mara, "?type=identity", "image/png", &large).await;
    assert_eq!((answer.status, &answer.json()["code"]), (413, &json!("body_too_long")), "announced");
    let lines = mara.lines();
    let endless = format!(
        "POST {OWN}?type=identity HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let chunk = [b"100000\r\n".as_slice(), &vec![0; 1024 * 1024], b"\r\n"].concat();
    let parts: Vec<&[u8]> = std::iter::once(endless.as_bytes()).chain((0..64).map(|_| &chunk[..])).collect();
    let (answer, _) = talk_bytes(world.console.address, &parts).await;
    assert_eq!(answer.status, 413, "it never said how much was to come");
    let form = send_form(&world, &mara, &[("name=\"file\"; filename=\"a.png\"", &large)]).await;
    assert_eq!(form.status, 413, "{}", form.body);
    nothing_was_kept(&world).await;
    let least = pdf_with("%").len();
    let fits = pdf_with(&"%".repeat(MAX - least - 4));
    assert!((MAX - 8..=MAX).contains(&fits.len()), "{}", fits.len());
    let answer = upload(&world, &mara, "?type=identity", "application/pdf", &fits).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[tokio::test]
async fn s51_a_body_that_stops_is_not_waited_for() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let begun = clock::monotonic();
    let head = format!(
        "POST {OWN}?type=identity HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}Content-Type: application/pdf\r\n\
         Content-Length: 100000\r\n\r\n%PDF-1.7\n",
        mara.lines()
    );
    let (answer, _) = talk_bytes(world.console.address, &[head.as_bytes()]).await;
    let took = begun.elapsed();
    assert_eq!((answer.status, &answer.json()["code"]), (408, &json!("body_cut_short")), "{}", answer.body);
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(14), "it was waited for {took:?}");
    nothing_was_kept(&world).await;
}

#[tokio::test]
async fn s52_bombs_do_not_go_off() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let mut bomb = PNG.to_vec();
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let sum = crc32(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&sum);
    let answer = upload(&world, &mara, "?type=identity", "image/png", &bomb).await;
    assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("too_many_pixels")), "{}", answer.body);
    nothing_was_kept(&world).await;
}

#[tokio::test]
async fn s53_names_lead_nowhere() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    for name in ["../../../etc/passwd.png", "..\\\\..\\\\a.png", "/etc/cron.d/a.png", "a%00.png", "doc.png"] {
        let part = format!("name=\"file\"; filename=\"{name}\"");
        let answer = send_form(&world, &mara, &[(&part, PNG), ("name=\"document_type\"", b"identity")]).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.body);
        assert!(!answer.body.contains("passwd") && !answer.body.contains("cron"));
    }
    let folder = documents_of(&world.url);
    for file in files(&world) {
        let name =
            file.strip_prefix(&format!("{}/", folder.display())).expect("within the folder").to_owned();
        assert!(name.len() == 35 && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b'/'), "{name}");
    }
    for name in ["passport.png.exe", "passport.svg", "passport.pdf"] {
        let part = format!("name=\"file\"; filename=\"{name}\"");
        let answer = send_form(&world, &mara, &[(&part, PNG), ("name=\"document_type\"", b"identity")]).await;
        assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("kind_mismatch")), "{name}");
    }
}

#[tokio::test]
async fn forms_say_one_file_and_one_type() {
    let world = World::with_programme().await;
    let mara = world.signed_in(For::Affiliate(1)).await;
    let file: (&str, &[u8]) = ("name=\"file\"; filename=\"a.png\"", PNG);
    let kind: (&str, &[u8]) = ("name=\"document_type\"", b"identity");
    for (parts, code) in [
        (&[file][..], "missing_field"),
        (&[kind], "missing_field"),
        (&[file, ("name=\"document_type\"", b"passport")], "unknown_value"),
        (&[file, file, kind], "unknown_field"),
        (&[file, kind, ("name=\"status\"", b"approved")], "unknown_field"),
        (&[file, kind, ("name=\"affiliate_id\"", b"2")], "unknown_field"),
    ] {
        let answer = send_form(&world, &mara, parts).await;
        assert_eq!((answer.status, &answer.json()["code"]), (422, &json!(code)), "{}", answer.body);
    }
    let answer = upload(&world, &mara, "", "multipart/form-data", b"").await;
    assert_eq!(answer.status, 415, "no boundary");
    let answer = upload(&world, &mara, "", "multipart/form-data; boundary=edge", b"--edge\r\nContent-").await;
    assert!(matches!(answer.status, 408 | 422), "{}", answer.body);
    for query in ["", "?type=passport", "?type=identity&affiliate_id=2", "?type=tax&type=bank"] {
        let answer = upload(&world, &mara, query, "image/png", PNG).await;
        assert!(matches!(answer.status, 400 | 422), "{query}: {}", answer.body);
    }
    let ada = world.signed_in(For::Programme("admin")).await;
    assert_eq!(upload(&world, &ada, "?type=tax", "image/png", PNG).await.status, 403, "for affiliates only");
    nothing_was_kept(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s55_the_twenty_first_file_is_refused() {
    let world = std::sync::Arc::new(World::with_programme().await);
    let mara = world.signed_in(For::Affiliate(1)).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let sending: Vec<_> = (0..4)
            .map(|_| {
                let (world, mara) = (world.clone(), mara.clone());
                tokio::spawn(
                    async move { upload(&world, &mara, "?type=other", "image/png", PNG).await.status },
                )
            })
            .collect();
        for sent in sending {
            statuses.push(sent.await.expect("an answer"));
        }
    }
    let mut told = String::new();
    let _ = write!(told, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 20, "{told}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 4, "{told}");
    let answer = upload(&world, &mara, "?type=other", "image/png", PNG).await;
    assert_eq!((answer.status, &answer.json()["code"]), (429, &json!("too_many_documents")));
    assert_eq!(files(&world).len(), 20, "nothing of the refused is left");
    let other = world.signed_in(For::Affiliate(2)).await;
    assert_eq!(upload(&world, &other, "?type=other", "image/png", PNG).await.status, 201);

    let ada = world.signed_in(For::Programme("reviewer")).await;
    let list = world.read_by(&ada, &format!("/v1/affiliates/{}/documents", world.name_of(1).await)).await;
    let one = list["data"][0]["document_url"].as_str().expect("an address").trim_end_matches("/content");
    assert_eq!(world.send("DELETE", one, &ada.headers(), "").await.status, 204);
    assert_eq!(world.send("DELETE", one, &ada.headers(), "").await.status, 404);
    assert_eq!(files(&world).len(), 20, "the file went with it");
    assert_eq!(
        upload(&world, &mara, "?type=other", "image/png", PNG).await.status,
        201,
        "there is room again"
    );
}

/// The checksum of PNG chunks.
fn crc32(content: &[u8]) -> u32 {
    !content.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
