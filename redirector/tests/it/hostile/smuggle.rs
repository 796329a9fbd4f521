//! Behind a real nginx that keeps its connections to the edge: whatever one shopper sends, another never gets an answer
//! that was meant for somebody else, and the edge handles exactly what nginx passed on.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use onebox::servers::free_port;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::by_night;
use super::mutate::{CORPUS, Mutator};
use crate::harness::{Edge, SOON, Stage, header, until};

/// Requests of a run by day, besides the corpus; and by night at most: each takes the edge and nginx some time.
const FEW: u64 = 1_600;
const MANY: u64 = 20_000;
/// Hostile shoppers with a neighbour each, all at once.
const PAIRS: u64 = 16;
/// How long a hostile one waits for an answer before it goes.
const ATTENTION: Duration = Duration::from_millis(100);
const NEIGHBOUR: &[u8] = b"GET /demo3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn nobody_gets_an_answer_meant_for_another_behind_nginx() -> Result<()> {
    // `script/test` says so in its summary where nginx cannot be had.
    if std::env::var_os("LINKLEDGER_NO_NGINX").is_some() {
        return Ok(());
    }
    let stage = Stage::with_links(3)?;
    // One worker: nginx's connections meet on it.
    let edge = Edge::start(&stage, &["--workers", "1", "--trusted-proxy", "127.0.0.1/32"])?;
    let nginx = Nginx::start(stage.dir.path(), edge.address)?;
    let few = by_night("LINKLEDGER_MUTATIONS", FEW)?.min(MANY);
    let pairs = few / PAIRS;
    let meet = |pair: u64| -> Result<()> {
        let mut random = SmallRng::seed_from_u64(pair);
        let corpus = CORPUS.iter().map(|request| request.as_bytes().to_vec());
        let mutants = (0..pairs).map(|_| Mutator::new(&mut random).request());
        for request in corpus.chain(mutants) {
            say(nginx.address, &request, ATTENTION)?;
            let reply = say(nginx.address, NEIGHBOUR, SOON)?;
            let reply = String::from_utf8(reply)?;
            let location = header(&reply, "location").unwrap_or_default();
            ensure!(
                location.starts_with("https://shop.example.com/3"),
                "beside {} a neighbour who asked for demo3 got {reply}",
                request.escape_ascii()
            );
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let pairs: Vec<_> = (0..PAIRS).map(|pair| scope.spawn(move || meet(pair))).collect();
        pairs.into_iter().try_for_each(|pair| pair.join().expect("it ends"))
    })?;
    let neighbours = (PAIRS * (pairs + CORPUS.len() as u64)) as usize;
    let handled = || edge.requests(|_| true);
    // nginx writes its log at the end of a request, a moment after the answer.
    until("the edge handled what nginx passed on", || Ok(handled()? == nginx.passed_on()?)).with_context(
        || format!("{:?} handled, {:?} passed on: {:?}", handled(), nginx.passed_on(), nginx.statuses()),
    )?;
    ensure!(nginx.passed_on()? > neighbours, "some of the hostile ones came through");
    Ok(())
}

/// Says something, and hears what comes until nothing has come for a while, or the other side ends.
fn say(address: SocketAddr, words: &[u8], patience: Duration) -> Result<Vec<u8>> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(patience))?;
    let _closed_early = socket.write_all(words);
    let mut reply = Vec::new();
    let _silence_is_an_end = socket.read_to_end(&mut reply);
    Ok(reply)
}

/// A private nginx. Ended when dropped.
struct Nginx {
    address: SocketAddr,
    log: PathBuf,
    process: Child,
}

impl Nginx {
    fn start(dir: &Path, edge: SocketAddr) -> Result<Self> {
        let dir = dir.join("nginx");
        fs::create_dir(&dir)?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let (log, here) = (dir.join("access"), dir.display());
        // No second attempt: an answer that does not come must show.
        let settings = format!(
            "daemon off; master_process off; worker_processes 1; pid {here}/pid; error_log {here}/error;
             events {{ worker_connections 256; }}
             http {{
                 log_format passed $upstream_status; access_log {} passed;
                 client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/fastcgi;
                 uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;
                 upstream edge {{ server {edge}; keepalive 4; }}
                 server {{
                     listen {address};
                     location / {{
                         proxy_pass http://edge; proxy_http_version 1.1; proxy_next_upstream off; proxy_ignore_client_abort on;
                         proxy_set_header Connection \"\"; proxy_set_header Host $host;
                         proxy_set_header X-Forwarded-For $remote_addr;
                     }}
                 }}
             }}",
            log.display()
        );
        let file = dir.join("nginx.conf");
        fs::write(&file, settings)?;
        let program = ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| Path::new(path).exists());
        let process = Command::new(program.context("nginx is not installed: apt-get install nginx-light")?)
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let nginx = Self { address, log, process };
        until("nginx listens", || Ok(TcpStream::connect(address).is_ok()))
            .with_context(|| fs::read_to_string(dir.join("error")).unwrap_or_default())?;
        Ok(nginx)
    }

    /// Requests that went to the edge.
    fn passed_on(&self) -> Result<usize> {
        Ok(self.statuses()?.values().sum())
    }

    /// How often the edge answered what.
    fn statuses(&self) -> Result<BTreeMap<String, usize>> {
        let mut statuses = BTreeMap::new();
        for status in fs::read_to_string(&self.log)?.lines().filter(|status| *status != "-") {
            *statuses.entry(status.to_owned()).or_default() += 1;
        }
        Ok(statuses)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _may_have_ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
