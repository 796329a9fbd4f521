//! A window of the browser: somebody who looks, presses and types, and what the page does meanwhile.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::chromium::Chromium;

/// A page of a debug build on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// A page on which nothing came or went for so long is still.
const STILL: Duration = Duration::from_secs(5);
/// What makes pages sound for everybody: axe-core, whose licence lies beside it.
const AXE: &str = include_str!("../../../vendor/axe.min.js");

/// A window of this width, and what its reader prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) width: u32,
    /// `light` or `dark`.
    pub(super) scheme: &'static str,
}

/// Looks that every page must suit.
pub(super) const LOOKS: [Look; 4] = [
    Look { width: 1440, scheme: "light" },
    Look { width: 390, scheme: "dark" },
    Look { width: 1440, scheme: "dark" },
    Look { width: 390, scheme: "light" },
];

/// What a page did since it was last gone to.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Errors of scripts, refused contents, failed loads.
    pub(super) complaints: Vec<String>,
    /// What `alert` and its like said.
    pub(super) dialogs: Vec<String>,
    /// Whatever was asked for, by number.
    pub(super) asked: BTreeMap<String, String>,
    /// Bytes that came over the wire.
    pub(super) bytes: u64,
    /// What was asked for and has not come yet.
    waiting: BTreeMap<String, String>,
}

pub(super) struct Window<'a> {
    chromium: &'a Chromium,
    session: String,
    base: String,
    heard: RefCell<Heard>,
}

impl<'a> Window<'a> {
    pub(super) fn open(chromium: &'a Chromium, session: String, base: &str) -> Result<Self> {
        let window = Self { chromium, session, base: base.to_owned(), heard: RefCell::default() };
        for domain in ["Page", "Runtime", "Log", "Network", "DOM"] {
            window.tell(&format!("{domain}.enable"), json!({}))?;
        }
        // Every load is a first one.
        window.tell("Network.setCacheDisabled", json!({"cacheDisabled": true}))?;
        window.look(LOOKS[0])?;
        Ok(window)
    }

    fn tell(&self, method: &str, params: Value) -> Result<Value> {
        self.chromium.tell(Some(&self.session), method, params)
    }

    /// Makes the window this wide, and its reader one who prefers this.
    pub(super) fn look(&self, look: Look) -> Result<()> {
        let size =
            json!({"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": look.width < 600});
        self.tell("Emulation.setDeviceMetricsOverride", size)?;
        let features = json!([
            {"name": "prefers-color-scheme", "value": look.scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).map(drop)
    }

    /// Goes to a page and waits until all of it is there.
    pub(super) fn go(&self, path: &str) -> Result<()> {
        self.listen()?;
        *self.heard.borrow_mut() = Heard::default();
        let address = if path.contains("://") { path.to_owned() } else { format!("{}{path}", self.base) };
        let gone = self.tell("Page.navigate", json!({ "url": address }))?;
        if let Some(error) = gone["errorText"].as_str() {
            bail!("{path}: {error}");
        }
        self.settle()
    }

    /// Waits until nothing is being loaded.
    pub(super) fn settle(&self) -> Result<()> {
        let is_there = "document.readyState === 'complete' && document.fonts.status === 'loaded'";
        // Of a request that ended with its page nobody says how: where nothing moves any more, nothing is waited for.
        let (moved, waiting) = (Cell::new(runtime::clock::monotonic()), Cell::new(usize::MAX));
        self.until("the page is there", || {
            self.listen()?;
            let left = self.heard.borrow().waiting.len();
            if waiting.replace(left) != left {
                moved.set(runtime::clock::monotonic());
            }
            Ok((left == 0 || moved.get().elapsed() > STILL) && self.ask(is_there)? == true)
        })
        .with_context(|| format!("still waiting for {:?}", self.heard.borrow().waiting.values()))
    }

    fn until(&self, what: &str, is_so: impl Fn() -> Result<bool>) -> Result<()> {
        let began = runtime::clock::monotonic();
        // While one page goes and another comes, there is nobody to ask.
        while !is_so().unwrap_or(false) {
            if began.elapsed() > SOON {
                is_so()?;
                bail!("not within {SOON:?}: {what}, on {}", self.path().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// What the page did since it was gone to.
    pub(super) fn heard(&self) -> Result<Heard> {
        self.listen()?;
        Ok(self.heard.take())
    }

    fn listen(&self) -> Result<()> {
        let mut heard = self.heard.borrow_mut();
        for event in self.chromium.happened(&self.session)? {
            heard.note(event["method"].as_str().unwrap_or_default(), &event["params"]);
        }
        Ok(())
    }

    /// What a script answers, or what its promise comes to.
    pub(super) fn ask(&self, script: &str) -> Result<Value> {
        let asked = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let answer = self.tell("Runtime.evaluate", asked)?;
        if let Some(wrong) = answer["exceptionDetails"]["exception"]["description"].as_str() {
            bail!("{wrong}");
        }
        Ok(answer["result"]["value"].clone())
    }

    /// The path and query of the page that is shown.
    pub(super) fn path(&self) -> Result<String> {
        let path = self.ask("location.pathname + location.search")?;
        Ok(path.as_str().unwrap_or_default().to_owned())
    }

    /// What is to be read: of what lies on top, where something does.
    pub(super) fn text(&self) -> Result<String> {
        let text = self.ask("(document.querySelector('dialog[open]') ?? document.body).innerText")?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Presses what says these words, a link, a button or a menu, and stays. Words that begin with `tbody` or `nav` select
    /// what is pressed instead.
    pub(super) fn press(&self, words: &str) -> Result<()> {
        let script = format!("{PRESS}({})", Value::from(words));
        let pressed = self.ask(&script)?;
        ensure!(pressed == true, "{words:?} on {}: {pressed}", self.path()?);
        Ok(())
    }

    /// Presses what leads to another page, or opens one over this.
    pub(super) fn follow(&self, words: &str) -> Result<()> {
        self.ask("window.isLeft = false")?;
        self.press(words)?;
        let is_another = "window.isLeft === undefined || document.querySelector('dialog[open] h1') !== null";
        self.until(&format!("{words:?} leads on"), || Ok(self.ask(is_another)? == true))?;
        self.settle()
    }

    /// Fills in the field of this name.
    pub(super) fn fill(&self, name: &str, value: &str) -> Result<()> {
        let script = format!("{FIELD}({}, {})", Value::from(name), Value::from(value));
        let is_typed =
            self.ask(&script).with_context(|| format!("{name} on {}", self.path().unwrap_or_default()))?;
        if is_typed == true {
            self.tell("Input.insertText", json!({ "text": value }))?;
        }
        Ok(())
    }

    /// Chooses a file for the field of this name.
    pub(super) fn choose(&self, name: &str, file: &Path) -> Result<()> {
        let field = format!("document.querySelector('main [name={name}], dialog[open] [name={name}]')");
        let field = self.tell("Runtime.evaluate", json!({ "expression": field }))?;
        let files = json!({"files": [file], "objectId": field["result"]["objectId"]});
        self.tell("DOM.setFileInputFiles", files).with_context(|| name.to_owned()).map(drop)
    }

    /// Violations that axe calls serious or critical, each with where it is.
    pub(super) fn barriers(&self) -> Result<Vec<String>> {
        self.ask(&format!("if (!window.axe) {{ {AXE} }}"))?;
        Ok(serde_json::from_value(self.ask(BARRIERS)?)?)
    }
}

impl Heard {
    fn note(&mut self, method: &str, params: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = text(&params["requestId"]);
        match method {
            "Network.requestWillBeSent" => {
                let address = text(&params["request"]["url"]);
                // Another page takes the place of this one: nobody says any more how its requests ended.
                if params["type"] == "Document" {
                    self.waiting.clear();
                }
                // The picture in the tab is loaded whenever the browser likes.
                if params["type"] != "Other" {
                    self.waiting.insert(id.clone(), address.clone());
                }
                self.asked.insert(id, address);
            }
            "Network.loadingFinished" => {
                self.bytes += params["encodedDataLength"].as_f64().unwrap_or_default() as u64;
                self.waiting.remove(&id);
            }
            "Network.loadingFailed" => {
                self.waiting.remove(&id);
            }
            "Page.javascriptDialogOpening" => self.dialogs.push(text(&params["message"])),
            "Runtime.exceptionThrown" => {
                self.complaints.push(params["exceptionDetails"]["exception"]["description"].to_string());
            }
            "Runtime.consoleAPICalled" if params["type"] == "error" => {
                self.complaints.push(params["args"].to_string());
            }
            "Log.entryAdded" if params["entry"]["level"] == "error" => {
                self.complaints.push(format!(
                    "{} {}",
                    text(&params["entry"]["text"]),
                    text(&params["entry"]["url"])
                ));
            }
            _ => {}
        }
    }
}

/// Presses what a person could: it is to be seen, and nothing lies over it.
const PRESS: &str = r"((words) => {
    const root = document.querySelector('dialog[open]') ?? document;
    const plain = (text) => text.replace(/\s+/g, ' ').trim();
    // How many wait stands beside a name, and is no part of it.
    const own = (e) => [...e.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join('');
    const names = (e) => [e.ariaLabel ?? '', own(e), e.innerText ?? ''].map(plain);
    const all = [...root.querySelectorAll('a, button, summary, label')].filter((e) => e.checkVisibility());
    const found = /^(tbody|nav) /.test(words) ? root.querySelector(words)
        : all.find((e) => names(e).includes(words))
        ?? all.find((e) => names(e).some((name) => name.startsWith(words)));
    if (!found) return 'nothing says so';
    found.scrollIntoView({ block: 'center', inline: 'nearest' });
    const box = found.getClientRects()[0];
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    if (!top || !(found.contains(top) || top.contains(found))) return 'it is covered by ' + top?.outerHTML.slice(0, 200);
    found.click();
    return true;
})";

/// Goes to a field. True: it is to be typed into; else it has its value.
const FIELD: &str = r#"((name, value) => {
    const root = document.querySelector('dialog[open]') ?? document.querySelector('main');
    const field = [...root.querySelectorAll(`[name="${name}"]`)].find((field) => field.checkVisibility());
    if (!field) throw new Error('there is no such field');
    if (field.tagName === 'SELECT') {
        const choice = [...field.options].find((choice) => choice.value === value || choice.text.includes(value));
        if (!choice) throw new Error('there is no such choice among ' + [...field.options].map((o) => o.text));
        field.value = choice.value;
        field.dispatchEvent(new Event('change', { bubbles: true }));
        return false;
    }
    if (field.type === 'date') {
        field.value = value;
        return false;
    }
    field.focus();
    field.select();
    return true;
})"#;

const BARRIERS: &str = "axe.run(document, { resultTypes: ['violations'], preload: false, iframes: false })
    .then((result) => result.violations
        .filter((found) => ['serious', 'critical'].includes(found.impact))
        .map((found) => `${found.id}: ${found.help}: ` + found.nodes.slice(0, 3)
            .map((node) => `${node.target.join(' ')} (${node.any[0]?.message ?? node.html})`).join('; ')))";
