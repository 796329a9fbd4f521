//! Mails on their way out: a conversation with a mail server, failures, and a folder instead of a server.

use std::sync::{Arc, Mutex};

use console::Config;
use console::mail::carrier::{Carrier, smtp};
use runtime::clock;
use sqlx::postgres::PgPool;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{World, config, send, started};

/// A mail server of one page: says what a rule says, keeps what it is given.
#[derive(Clone)]
struct Postman {
    address: std::net::SocketAddr,
    kept: Arc<Mutex<Vec<String>>>,
    /// What it answers to a recipient from now on.
    answer: Arc<Mutex<&'static str>>,
}

impl Postman {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let postman = Self { address, kept: Arc::default(), answer: Arc::new(Mutex::new("250 ok")) };
        let ours = postman.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(ours.clone().talk(stream));
            }
        });
        postman
    }

    async fn talk(self, stream: TcpStream) {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 mail.example.com\r\n").await.expect("said");
        let mut letter: Option<String> = None;
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match (&mut letter, line.split([' ', ':']).next().unwrap_or_default()) {
                (Some(text), _) if line == "." => {
                    self.kept.lock().expect("kept").push(std::mem::take(text));
                    letter = None;
                    "250 kept"
                }
                (Some(text), _) => {
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push('\n');
                    continue;
                }
                (None, "EHLO") => "250 mail.example.com",
                (None, "RCPT") => *self.answer.lock().expect("an answer"),
                (None, "DATA") => {
                    letter = Some(String::new());
                    "354 go on"
                }
                (None, "QUIT") => "221 bye",
                (None, _) => "250 ok",
            };
            if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn says(&self, answer: &'static str) {
        *self.answer.lock().expect("an answer") = answer;
    }

    fn carrier(&self) -> Carrier {
        let server = smtp(&format!("smtp://{}", self.address)).expect("an address");
        Carrier::Smtp(Box::new(server), "Linkledger <no-reply@example.com>".parse().expect("a mailbox"))
    }
}

async fn queue(owner: &PgPool, recipient: &str) {
    sqlx::query("insert into mail (recipient, subject, body) values ($1, 'Grüße', 'One line.\n.\nAnd a dot before.\n')")
        .bind(recipient)
        .execute(owner)
        .await
        .expect("queued");
}

/// Tries what is due, as the worker of a console does.
async fn round(world: &World, carrier: &Carrier) -> usize {
    let shutdown = runtime::Shutdown::new();
    let now = clock::system_time().into();
    console::mail::worker::round(&world.owner, carrier, &shutdown, now).await.expect("a round")
}

async fn states(world: &World) -> Vec<(String, bool, bool, i32)> {
    sqlx::query_as(
        "select recipient, sent_at is not null, next_attempt_at is not null, attempts from mail order by mail_id",
    )
    .fetch_all(&world.owner)
    .await
    .expect("mails")
}

#[tokio::test]
async fn a_mail_server_is_spoken_to_and_spoken_to_again() {
    let world = World::empty().await;
    let postman = Postman::open().await;
    let carrier = postman.carrier();
    queue(&world.owner, "ada@example.com").await;
    assert_eq!(round(&world, &carrier).await, 1);
    let letter = postman.kept.lock().expect("kept").pop().expect("a letter");
    for part in [
        "From: Linkledger <no-reply@example.com>",
        "To: ada@example.com",
        "Message-ID: <1.",
        "And a dot before.",
    ] {
        assert!(letter.contains(part), "{part} is not in {letter}");
    }
    assert!(letter.contains("\n.\n"), "a line of one dot survives: {letter}");
    assert_eq!(states(&world).await, [("ada@example.com".to_owned(), true, false, 1)]);
    let left: String =
        sqlx::query_scalar("select body from mail").fetch_one(&world.owner).await.expect("a body");
    assert_eq!(left, "", "what was sent is not kept");
    assert_eq!(round(&world, &carrier).await, 0);

    postman.says("451 later, please");
    queue(&world.owner, "bea@example.com").await;
    assert_eq!(
        (round(&world, &carrier).await, round(&world, &carrier).await),
        (1, 0),
        "it waits before it tries again"
    );
    assert_eq!(states(&world).await[1], ("bea@example.com".to_owned(), false, true, 1));
    sqlx::raw_sql("update mail set next_attempt_at = now() where sent_at is null")
        .execute(&world.owner)
        .await
        .expect("time");
    postman.says("250 ok");
    assert_eq!(round(&world, &carrier).await, 1);
    assert_eq!(states(&world).await[1], ("bea@example.com".to_owned(), true, false, 2));

    postman.says("550 nobody of that name");
    queue(&world.owner, "cyd@example.com").await;
    round(&world, &carrier).await;
    assert_eq!(states(&world).await[2], ("cyd@example.com".to_owned(), false, false, 1), "given up at once");
    postman.says("451 later, please");
    queue(&world.owner, "dan@example.com").await;
    for _ in 0..20 {
        sqlx::raw_sql("update mail set next_attempt_at = now() where next_attempt_at is not null")
            .execute(&world.owner)
            .await
            .expect("time");
        round(&world, &carrier).await;
    }
    assert_eq!(
        states(&world).await[3],
        ("dan@example.com".to_owned(), false, false, 12),
        "given up in the end"
    );
}

#[tokio::test]
async fn two_consoles_send_a_mail_once() {
    let world = World::empty().await;
    let postman = Postman::open().await;
    let carrier = postman.carrier();
    for _ in 0..30 {
        queue(&world.owner, "ada@example.com").await;
    }
    let (one, other) = tokio::join!(round(&world, &carrier), round(&world, &carrier));
    assert_eq!(one + other, 30);
    assert_eq!(postman.kept.lock().expect("kept").len(), 30);
}

#[tokio::test]
async fn a_folder_keeps_mails_for_administrators_to_read() {
    let world = World::empty().await;
    let folder = tempfile::tempdir().expect("a folder");
    let carrier = Some(Carrier::Folder(folder.path().join("mails")));
    let (console, shutdown) = started(Config { carrier, ..config(&world.url) }).await;
    let cookie = format!("linkledger={}", crate::support::READER);
    let base = format!("http://{}", console.address);
    sqlx::query(
        "insert into mail (recipient, subject, body) values ('ada@example.com', '<b>Welcome</b>', $1)",
    )
    .bind(format!("Here:\n\n{base}/set-password?token=made-up\n\nhttps://evil.example.com/\n"))
    .execute(&world.owner)
    .await
    .expect("queued");
    let mut page = String::new();
    for _ in 0..200 {
        page = send(console.address, "GET", "/mails", &[("Cookie", &cookie)], "").await.body;
        if page.contains("ada@example.com") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(page.contains("ada@example.com") && !page.contains("<b>Welcome"), "{page}");
    let (_, rest) = page.split_once("href=\"/mails/").expect("a mail");
    let name = rest.split('"').next().expect("a name");
    let mail = send(console.address, "GET", &format!("/mails/{name}"), &[("Cookie", &cookie)], "").await.body;
    assert!(mail.contains(&format!("href=\"{base}/set-password?token=made-up\"")), "{mail}");
    assert!(!mail.contains("href=\"https://evil"), "{mail}");
    for bad in ["..%2F..%2Fetc%2Fpasswd", "x.eml", "..eml", "%00.eml"] {
        let answer = send(console.address, "GET", &format!("/mails/{bad}"), &[("Cookie", &cookie)], "").await;
        assert!(matches!(answer.status, 404 | 400), "{bad}: {}", answer.status);
    }
    assert_eq!(send(console.address, "GET", "/mails", &[], "").await.status, 303);
    assert_eq!(
        send(world.console.address, "GET", "/mails", &[("Cookie", &cookie)], "").await.status,
        404,
        "no folder"
    );
    shutdown.start();
}
