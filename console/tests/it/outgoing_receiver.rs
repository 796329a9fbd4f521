//! A system that is told things: listens on loopback, keeps what it hears, and answers what it was told to.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Deliveries later than this are a failure.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether something came.
const LOOK: Duration = Duration::from_millis(50);

/// What was heard.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

#[derive(Default)]
struct State {
    heard: Vec<Heard>,
    answers: VecDeque<&'static str>,
}

/// Listens until it is dropped.
pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Answers 204 unless told otherwise.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, shared.clone()));
            }
        });
        Self { url, state, task }
    }

    /// What the next calls are answered, in this order: status lines with headers.
    pub(crate) fn will_answer(&self, answers: &[&'static str]) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).answers.extend(answers);
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).heard.clone()
    }

    /// Waits until so many calls came.
    pub(crate) async fn hears(&self, count: usize) -> Vec<Heard> {
        let waited = tokio::time::timeout(PATIENCE, async {
            while self.heard().len() < count {
                tokio::time::sleep(LOOK).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{count} calls, but came: {:?}", self.heard()));
        self.heard()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut bytes = Vec::new();
    let heard = loop {
        let mut more = [0; 4096];
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return,
            Ok(n) => bytes.extend_from_slice(&more[..n]),
        }
        if let Some(heard) = whole(&String::from_utf8_lossy(&bytes)) {
            break heard;
        }
    };
    let answer = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.heard.push(heard);
        state.answers.pop_front().unwrap_or("204 No Content")
    };
    let text = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
    // Whoever called may have left.
    drop(stream.write_all(text.as_bytes()).await);
}

fn whole(text: &str) -> Option<Heard> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let header =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let headers: HashMap<String, String> = lines.filter_map(header).collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    (body.len() >= length).then(|| Heard { path, headers, body: body.to_owned() })
}
