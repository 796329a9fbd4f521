//! A real browser: Debian's Chromium, told what to do through a pipe, in its own protocol.
//!
//! A pipe needs no second program beside the browser, no port and no library: one JSON document each way, ended by a zero
//! byte. <https://chromedevtools.github.io/devtools-protocol/> has the words.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::window::Window;

/// Chromium on a busy machine with a cold disk; what does not answer must not hang the suite.
const ANSWER: Duration = Duration::from_mins(1);
/// Said by whoever cannot install a browser and wants the other tests: what is left out is then known.
const WITHOUT: &str = "LINKLEDGER_NO_BROWSER";
/// Debian's name of it, and those of others.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// The shell lends the pipe to the browser where it looks for it: it reads 3 and writes 4.
const ON_A_PIPE: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// A running browser without any window.
pub(super) struct Chromium {
    child: Child,
    to: RefCell<ChildStdin>,
    from: Receiver<Value>,
    asked: RefCell<u64>,
    /// What happened in each window since it was last asked for.
    events: RefCell<BTreeMap<String, Vec<Value>>>,
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts one, as of somebody who was never here; none where the caller said that there is none.
    #[expect(clippy::disallowed_methods, reason = "a setting of these tests, not of a service")]
    pub(super) fn start() -> Result<Option<Self>> {
        if std::env::var(WITHOUT).is_ok_and(|said| said == "1") {
            eprintln!("NOT TESTED, because {WITHOUT}=1: the pages in a browser");
            return Ok(None);
        }
        let Some(program) = program() else {
            bail!("there is no chromium: script/install test, or {WITHOUT}=1 to leave these tests out")
        };
        let profile = tempfile::Builder::new().prefix("linkledger-browser-").tempdir()?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", ON_A_PIPE, "sh"]).arg(program).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("chromium does not start")?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let from = listen(from.context("chromium's end of the pipe")?);
        let to = RefCell::new(to.context("our end of the pipe")?);
        let chromium =
            Self { child, to, from, asked: RefCell::new(0), events: RefCell::default(), _profile: profile };
        let version =
            chromium.tell(None, "Browser.getVersion", json!({})).context("chromium does not answer")?;
        eprintln!("in {}", version["product"].as_str().unwrap_or_default());
        Ok(Some(chromium))
    }

    /// Opens a window of somebody else: with no cookie of any other.
    pub(super) fn window(&self, base: &str) -> Result<Window<'_>> {
        let context = self.tell(None, "Target.createBrowserContext", json!({}))?;
        let target = json!({"url": "about:blank", "browserContextId": context["browserContextId"]});
        let target = self.tell(None, "Target.createTarget", target)?;
        let attached = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.tell(None, "Target.attachToTarget", attached)?;
        let session = session["sessionId"].as_str().context("a session")?.to_owned();
        Window::open(self, session, base)
    }

    /// Tells the browser, or one of its windows, to do something, and waits until it is done.
    pub(super) fn tell(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value> {
        let id = self.send(session, method, params)?;
        loop {
            let message =
                self.from.recv_timeout(ANSWER).with_context(|| format!("{method} is not answered"))?;
            if message["id"] == id {
                if let Some(refusal) = message["error"]["message"].as_str() {
                    bail!("{method}: {refusal}");
                }
                return Ok(message["result"].clone());
            }
            self.hear(message)?;
        }
    }

    /// What happened in a window since this was last asked.
    pub(super) fn happened(&self, session: &str) -> Result<Vec<Value>> {
        while let Ok(message) = self.from.try_recv() {
            self.hear(message)?;
        }
        Ok(self.events.borrow_mut().remove(session).unwrap_or_default())
    }

    fn send(&self, session: Option<&str>, method: &str, params: Value) -> Result<u64> {
        let mut asked = self.asked.borrow_mut();
        *asked += 1;
        let mut message = json!({"id": *asked, "method": method});
        message["params"] = params;
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.to.borrow_mut().write_all(&bytes).context("chromium has ended")?;
        Ok(*asked)
    }

    fn hear(&self, message: Value) -> Result<()> {
        let Some(session) = message["sessionId"].as_str() else { return Ok(()) };
        if message["method"] == "Page.javascriptDialogOpening" {
            // Whoever presses a button here means it; a page that asks stands still until it is answered.
            self.send(Some(session), "Page.handleJavaScriptDialog", json!({"accept": true}))?;
        }
        self.events.borrow_mut().entry(session.to_owned()).or_default().push(message);
        Ok(())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Asked to close, it ends its children; killed, it would leave them.
        _ = self.tell(None, "Browser.close", json!({}));
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

const FLAGS: [&str; 13] = [
    "--headless=new",
    "--remote-debugging-pipe",
    // Its sandbox works neither for root nor in most containers, and it shows no pages but our own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    // It must not look for news of itself.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--hide-scrollbars",
    // Windows behind others are as lively as the one in front.
    "--disable-renderer-backgrounding",
];

fn program() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let of =
        |name: &str| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    NAMES.into_iter().find_map(of)
}

/// Reads on a thread of its own, so that the browser never waits for us.
fn listen(from: ChildStdout) -> Receiver<Value> {
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let messages = BufReader::new(from).split(0).map_while(std::io::Result::ok);
        for message in messages.filter_map(|bytes| serde_json::from_slice(&bytes).ok()) {
            if said.send(message).is_err() {
                return;
            }
        }
    });
    heard
}
