//! People who are signed in: a browser with a cookie, and the token that our pages know.

use std::io::ErrorKind;
use std::net::SocketAddr;

use console::auth::session;
use runtime::clock;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Answer, World};

/// Somebody who signed in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    cookie: String,
    csrf: String,
}

impl Person {
    /// What such a browser sends along.
    pub(crate) fn headers(&self) -> [(&str, &str); 2] {
        [("cookie", &self.cookie), ("x-csrf-token", &self.csrf)]
    }

    /// The same, as lines of a request.
    pub(crate) fn lines(&self) -> String {
        format!("Cookie: {}\r\nX-CSRF-Token: {}\r\n", self.cookie, self.csrf)
    }
}

/// Whom an account acts for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For {
    Programme(&'static str),
    Vendor(i64),
    Affiliate(i64),
}

impl World {
    /// Somebody with an account of their own, signed in a moment ago.
    pub(crate) async fn signed_in(&self, whom: For) -> Person {
        let (role, vendor, affiliate) = match whom {
            For::Programme(role) => (role, None, None),
            For::Vendor(id) => ("vendor", Some(id), None),
            For::Affiliate(id) => ("affiliate", None, Some(id)),
        };
        let account: String = sqlx::query_scalar(
            "insert into account (email, name, role, vendor_id, affiliate_id, email_verified_at) \
             values (gen_random_uuid() || '@example.com', 'Ada Example', $1, $2, $3, now()) returning account_id",
        )
        .bind(role)
        .bind(vendor)
        .bind(affiliate)
        .fetch_one(&self.owner)
        .await
        .expect("an account");
        let mut conn = self.owner.acquire().await.expect("a connection");
        let begun =
            session::begin(&mut conn, &account, clock::system_time().into()).await.expect("a session");
        Person { cookie: format!("linkledger={}", begun.secret), csrf: begun.csrf }
    }

    /// What a person's browser gets.
    pub(crate) async fn get_as(&self, person: &Person, path: &str) -> Answer {
        self.send("GET", path, &person.headers(), "").await
    }

    /// JSON that a person must get.
    pub(crate) async fn read_by(&self, person: &Person, path: &str) -> Value {
        let answer = self.get_as(person, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// What a person's browser sends as JSON.
    pub(crate) async fn send_as(&self, person: &Person, method: &str, path: &str, body: &Value) -> Answer {
        self.send_matching(person, method, path, body, None).await
    }

    /// The same for one version of the object.
    pub(crate) async fn send_matching(
        &self,
        person: &Person,
        method: &str,
        path: &str,
        body: &Value,
        version: Option<&str>,
    ) -> Answer {
        let mut headers = person.headers().to_vec();
        headers.push(("content-type", "application/json"));
        headers.extend(version.map(|version| ("if-match", version)));
        self.send(method, path, &headers, &body.to_string()).await
    }

    /// A decision without words.
    pub(crate) async fn act(&self, person: &Person, path: &str) -> Answer {
        self.send("POST", path, &person.headers(), "").await
    }

    /// The public name of an affiliate.
    pub(crate) async fn name_of(&self, affiliate_id: i64) -> String {
        sqlx::query_scalar("select public_id from affiliate where affiliate_id = $1")
            .bind(affiliate_id)
            .fetch_one(&self.owner)
            .await
            .expect("an affiliate")
    }

    /// The text that a query gives, once for every row.
    pub(crate) async fn column(&self, query: &'static str) -> Vec<String> {
        sqlx::query_scalar(query).fetch_all(&self.owner).await.expect("texts")
    }
}

/// Sends bytes, and reads the answer even when the console stopped listening half way.
pub(crate) async fn talk_bytes(address: SocketAddr, parts: &[&[u8]]) -> (Answer, Vec<u8>) {
    let conversation = async {
        let mut stream = TcpStream::connect(address).await.expect("the console listens");
        for part in parts {
            match stream.write_all(part).await {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                    break;
                }
                Err(error) => panic!("cannot send: {error}"),
            }
        }
        let mut answer = Vec::new();
        // A reset after the answer does not take it back.
        let _ = stream.read_to_end(&mut answer).await;
        answer
    };
    let bytes =
        tokio::time::timeout(std::time::Duration::from_secs(30), conversation).await.expect("in time");
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").expect("an answer") + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let header =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let answer = Answer {
        status: status.unwrap_or_else(|| panic!("no status in {head:?}")),
        headers: lines.filter_map(header).collect(),
        body: String::from_utf8_lossy(&bytes[end..]).into_owned(),
    };
    (answer, bytes[end..].to_vec())
}
