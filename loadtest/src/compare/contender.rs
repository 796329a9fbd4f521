//! The servers of a comparison: each told to do the least that is a redirect, with its logging as a click needs it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use onebox::servers::{Redis, free_port, random_hex};
use serde::Serialize;

use super::process::Process;
use super::reply::Reply;
use super::{admin, links};

/// The core the servers run on, one at a time; the client and Redis have the next one.
pub(super) const SERVER_CORE: usize = 0;
/// Reading a map of ten million lines takes a while.
const MAP_LIMIT: Duration = Duration::from_mins(5);
/// Where system programs are, outside the search path of ordinary users.
const PROGRAM_FOLDERS: [&str; 4] = ["/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/usr/bin"];

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Name {
    /// The edge of Linkledger.
    Redirector,
    /// hyper that answers every request alike: see [`crate::serve_bare`].
    Hyper,
    /// nginx with a `map` of all links and a buffered access log.
    Nginx,
    /// `HAProxy` with a map of all links, logging to a ring in memory.
    Haproxy,
    /// nginx with a Lua script that asks Redis for the link and counts there.
    NginxLuaRedis,
}

/// What a right answer of a server looks like, beside status 302.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// The link's destination with a click token.
    Tracked,
    /// The link's destination.
    Destination,
    /// Any place: the server knows no links.
    Anywhere,
}

/// What the servers share.
#[derive(Debug)]
pub(super) struct Stage {
    /// Everything written goes here.
    pub(super) folder: PathBuf,
    /// Holds the links.
    pub(super) redis: Redis,
    /// How many links there are.
    pub(super) links: u64,
    /// The links as nginx reads them.
    pub(super) nginx_map: PathBuf,
    /// The links as `HAProxy` reads them.
    pub(super) haproxy_map: PathBuf,
}

/// A server that serves.
#[derive(Debug)]
pub(super) struct Contender {
    /// Which.
    pub(super) name: Name,
    /// Where.
    pub(super) address: SocketAddr,
    /// Its process.
    pub(super) process: Process,
    /// Where its metrics are, if clicks wait in it to be shipped.
    pub(super) admin: Option<SocketAddr>,
    /// What it must answer.
    pub(super) expect: Expect,
}

impl Expect {
    /// Whether `reply` is right for `code`.
    pub(super) fn holds(self, reply: &Reply<'_>, code: &[u8]) -> bool {
        let location = reply.location;
        let has = |part: &[u8]| location.windows(part.len()).any(|window| window == part);
        reply.status == 302
            && !location.is_empty()
            && match self {
                Self::Tracked => has(code) && has(b"clk="),
                Self::Destination => location.ends_with(code),
                Self::Anywhere => true,
            }
    }
}

impl Name {
    /// Each, in the order of tables.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    /// What is missing on this machine to run it: an explanation with the command that installs it.
    pub(super) fn missing(self) -> Option<&'static str> {
        let module = |name| module(name).is_some();
        let lua = module("ndk_http_module") && module("ngx_http_lua_module") && lua_redis().is_some();
        match self {
            Self::Redirector | Self::Hyper => None,
            Self::Nginx => program("nginx")
                .is_none()
                .then_some("sudo apt-get install --no-install-recommends nginx-light"),
            Self::Haproxy => program("haproxy").is_none().then_some("sudo apt-get install haproxy"),
            Self::NginxLuaRedis => (program("nginx").is_none() || !lua).then_some(
                "sudo apt-get install --no-install-recommends libnginx-mod-http-lua lua-nginx-redis",
            ),
        }
    }

    /// Starts it and waits until it serves.
    pub(super) fn start(self, stage: &Stage) -> anyhow::Result<Contender> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let (label, folder) = (self.label(), stage.folder.join(self.label()));
        fs::create_dir_all(&folder)?;
        let (command, expect, admin) = match self {
            Self::Redirector => {
                let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
                let command = redirector(&folder, address, admin, &stage.redis.redirector_url)?;
                (command, Expect::Tracked, Some(admin))
            }
            Self::Hyper => (hyper(address)?, Expect::Anywhere, None),
            Self::Nginx => (nginx(&folder, &nginx_map_settings(address, stage))?, Expect::Destination, None),
            Self::Haproxy => (haproxy(&folder, address, stage)?, Expect::Destination, None),
            Self::NginxLuaRedis => {
                (nginx(&folder, &nginx_lua_settings(address, stage)?)?, Expect::Destination, None)
            }
        };
        let mut process = Process::start(label, command, SERVER_CORE, &folder)?;
        match admin {
            Some(admin) => process.wait_until(MAP_LIMIT, || admin::is_ready(admin))?,
            None => process.wait_for(address, MAP_LIMIT)?,
        }
        Ok(Contender { name: self, address, process, admin, expect })
    }

    /// Its name in tables and JSON.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Redirector => "redirector",
            Self::Hyper => "hyper",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::NginxLuaRedis => "nginx_lua_redis",
        }
    }
}

/// The redirector beside this program, with one worker and the journal in `folder`.
pub(super) fn redirector(
    folder: &Path,
    listen: SocketAddr,
    admin: SocketAddr,
    redis_url: &str,
) -> anyhow::Result<Command> {
    let program = sibling("redirector")?;
    let mut command = Command::new(program);
    command.env_clear().env("LINKLEDGER_SECRET", random_hex(32)?).env("REDIS_URL", redis_url);
    command.args(["--listen", &listen.to_string(), "--admin-listen", &admin.to_string()]);
    command.args(["--workers", "1", "--log", "warn", "--journal-dir"]).arg(folder.join("journal"));
    Ok(command)
}

fn hyper(address: SocketAddr) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    let filler = "x".repeat(links::tracked_length() - links::destination("").len());
    command.args([
        "serve-bare",
        "--listen",
        &address.to_string(),
        "--location",
        &links::destination(&filler),
    ]);
    Ok(command)
}

fn haproxy(folder: &Path, address: SocketAddr, stage: &Stage) -> anyhow::Result<Command> {
    let settings = format!(
        "global\n    nbthread 1\n    maxconn 1000\n\
         ring clicks\n    format raw\n    maxlen 1200\n    size 16777216\n\
         defaults\n    mode http\n    timeout client 1m\n    timeout http-request 5s\n    timeout http-keep-alive 1m\n    \
         timeout connect 1s\n    timeout server 1s\n    log ring@clicks local0\n\
         frontend edge\n    bind {address}\n    http-request capture req.hdr(User-Agent) len 256\n    \
         log-format \"%T %HP %ci %[capture.req.hdr(0)]\"\n    \
         http-request redirect location %[path,map_str({})] code 302\n",
        stage.haproxy_map.display()
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, settings)?;
    let mut command = Command::new(program("haproxy").context("haproxy is not installed")?);
    command.arg("-db").arg("-f").arg(file);
    Ok(command)
}

/// nginx with these settings inside `http`, keeping all its files in `folder`.
fn nginx(folder: &Path, http: &NginxSettings) -> anyhow::Result<Command> {
    let NginxSettings { modules, http } = http;
    let settings = format!(
        "{modules}daemon off;\nworker_processes 1;\nerror_log {0}/error.log;\npid {0}/nginx.pid;\n\
         events {{ worker_connections 1024; }}\nhttp {{\n\
         keepalive_timeout 1h;\nkeepalive_requests 1000000000;\nserver_tokens off;\n\
         client_body_temp_path {0}/t1;\nproxy_temp_path {0}/t2;\nfastcgi_temp_path {0}/t3;\n\
         uwsgi_temp_path {0}/t4;\nscgi_temp_path {0}/t5;\n{http}}}\n",
        folder.display()
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, settings)?;
    let mut command = Command::new(program("nginx").context("nginx is not installed")?);
    command.arg("-p").arg(folder).arg("-c").arg(file).arg("-e").arg(folder.join("error.log"));
    Ok(command)
}

#[derive(Debug)]
struct NginxSettings {
    modules: String,
    http: String,
}

fn nginx_map_settings(address: SocketAddr, stage: &Stage) -> NginxSettings {
    // A hash with twice the room is built at the first try; nginx looks for a smaller one only below.
    let http = format!(
        "map_hash_max_size {};\nmap_hash_bucket_size 256;\n\
         map $uri $to {{ include {}; }}\n\
         log_format click '$msec $uri $remote_addr \"$http_user_agent\"';\n\
         access_log {}/click.log click buffer=64k flush=1s;\n\
         server {{ listen {address} reuseport; location / {{ return 302 $to; }} }}\n",
        (stage.links * 2).max(2_048),
        stage.nginx_map.display(),
        stage.folder.join(Name::Nginx.label()).display(),
    );
    NginxSettings { modules: String::new(), http }
}

fn nginx_lua_settings(address: SocketAddr, stage: &Stage) -> anyhow::Result<NginxSettings> {
    let module = |name| module(name).with_context(|| format!("nginx has no module {name}"));
    let (ndk, lua) = (module("ndk_http_module")?, module("ngx_http_lua_module")?);
    let url = redis::IntoConnectionInfo::into_connection_info(stage.redis.url.as_str())?;
    let redis::ConnectionAddr::Tcp(host, port) = url.addr() else { anyhow::bail!("Redis is not on a port") };
    let password = url.redis_settings().password().context("Redis has no password")?;
    let library = lua_redis().context("the Lua library for Redis is not installed")?;
    let http = format!(
        "access_log off;\nlua_package_path \"{library}/?.lua;;\";\n\
         server {{ listen {address} reuseport; location / {{ content_by_lua_block {{\n\
         local redis = require(\"nginx.redis\"):new()\n\
         redis:set_timeout(1000)\n\
         assert(redis:connect(\"{host}\", {port}))\n\
         if redis:get_reused_times() == 0 then assert(redis:auth(\"{password}\")) end\n\
         local code = ngx.var.uri:sub(2)\n\
         redis:init_pipeline(2)\n\
         redis:get(\"plain:\" .. code)\n\
         redis:incr(\"count:\" .. code)\n\
         local answers = assert(redis:commit_pipeline())\n\
         redis:set_keepalive(60000, 64)\n\
         if type(answers[1]) ~= \"string\" then return ngx.exit(404) end\n\
         return ngx.redirect(answers[1], 302)\n}} }} }}\n",
    );
    let modules = format!("load_module {};\nload_module {};\n", ndk.display(), lua.display());
    Ok(NginxSettings { modules, http })
}

/// The program of this name beside this one: from the same build.
fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    ensure!(program.is_file(), "{} is not there: cargo build --release -p {name}", program.display());
    Ok(program)
}

fn program(name: &str) -> Option<PathBuf> {
    PROGRAM_FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// A dynamic module of nginx, where Debian keeps it.
fn module(name: &str) -> Option<PathBuf> {
    let path = Path::new("/usr/lib/nginx/modules").join(format!("{name}.so"));
    path.is_file().then_some(path)
}

/// The folder of Debian's lua-nginx-redis, the usual client of Redis for nginx.
fn lua_redis() -> Option<&'static str> {
    let folder = "/usr/share/lua/5.1";
    Path::new(folder).join("nginx/redis.lua").is_file().then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_right_or_wrong() {
        let reply =
            |status, location: &'static str| Reply { status, location: location.as_bytes(), bytes: 0 };
        let (plain, tracked) = ("https://x.example.com/b01", "https://x.example.com/b01?clk=A");
        for (expect, reply, right) in [
            (Expect::Tracked, reply(302, tracked), true),
            (Expect::Tracked, reply(302, plain), false),
            (Expect::Tracked, reply(302, "https://x.example.com/b02?clk=A"), false),
            (Expect::Destination, reply(302, plain), true),
            (Expect::Destination, reply(302, "https://x.example.com/b02"), false),
            (Expect::Destination, reply(404, plain), false),
            (Expect::Anywhere, reply(302, "https://y.example.com/"), true),
            (Expect::Anywhere, reply(302, ""), false),
        ] {
            assert_eq!(expect.holds(&reply, b"b01"), right, "{expect:?} {reply:?}");
        }
    }
}
