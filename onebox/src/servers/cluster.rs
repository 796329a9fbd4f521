//! A real Redis Cluster for tests: three masters, each with a replica, that are killed, frozen and moved at will.
//!
//! Nothing is simulated: nodes vote, fail over and hand slots over as they do in production, only sooner. Blocking, like
//! the other servers.

mod view;

use std::path::Path;
use std::time::Duration;

use ::redis::{Client, Connection, cmd};
use anyhow::{Context as _, bail, ensure};
use runtime::clock;
use rustix::process::Signal;

use self::view::{SLOTS, Seen, is_in_step, is_well, seen_by};
use super::fixture::Process;
use super::{Durability, Programs, free_port, redis};

/// Each has one replica.
const MASTERS: usize = 3;
/// Masters and replicas.
const NODES: usize = 2 * MASTERS;
/// How long six nodes may take to find one another, and a failover to be over, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// A node that does not answer within this is dead or frozen.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// How often to look.
const POLL: Duration = Duration::from_millis(50);
/// Keys that are handed over in one go.
const KEYS_AT_ONCE: usize = 200;
/// How long handing them over may take, ms.
const HAND_OVER_MS: u64 = 10_000;

/// A cluster of three masters and three replicas. Nodes are named by their number, 0 to 5, whatever their role is.
#[derive(Debug)]
pub struct RedisCluster {
    /// The addresses of all nodes for the user who may do everything, separated by commas.
    pub url: String,
    /// The same cluster, as the edge and the aggregator are allowed to use it.
    pub redirector_url: String,
    /// See `redirector_url`.
    pub aggregator_url: String,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    layout: redis::Layout,
    state: State,
}

#[derive(Debug)]
enum State {
    Running(Process),
    Frozen(Process),
    Dead,
}

impl RedisCluster {
    /// Starts six servers in `folder`, and returns when they are one cluster that is well.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let (program, passwords) = (Programs::search(None).redis()?.program, redis::Passwords::random()?);
        let mut nodes = Vec::with_capacity(NODES);
        for number in 0..NODES {
            let layout = redis::Layout {
                program: program.clone(),
                folder: folder.join(format!("redis-{number}")),
                port: free_port()?,
                passwords: passwords.clone(),
                durability: Durability::Scratch,
                place: redis::Place::Node { bus: free_port()? },
            };
            layout.prepare()?;
            let state = State::Running(start(&layout)?);
            nodes.push(Node { layout, state });
        }
        let urls = |user: &str, password: &str| {
            let all: Vec<String> = nodes.iter().map(|node| node.layout.url(user, password)).collect();
            all.join(",")
        };
        let (url, redirector_url, aggregator_url) = (
            urls("default", &passwords.admin),
            urls("redirector", &passwords.redirector),
            urls("aggregator", &passwords.aggregator),
        );
        let cluster = Self { url, redirector_url, aggregator_url, nodes };
        cluster.unite()?;
        Ok(cluster)
    }

    /// Makes one cluster of six strangers.
    fn unite(&self) -> anyhow::Result<()> {
        for number in 0..NODES {
            let mut node = self.ask(number)?;
            // Every node its own epoch, so that they need not settle whose is older.
            cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(number + 1).exec(&mut node)?;
            if number < MASTERS {
                let (first, last) = (number * SLOTS / MASTERS, (number + 1) * SLOTS / MASTERS - 1);
                cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(first).arg(last).exec(&mut node)?;
            }
            if number > 0 {
                let first = &self.nodes[0].layout;
                let redis::Place::Node { bus } = first.place else { bail!("it is no node") };
                cmd("CLUSTER").arg("MEET").arg("127.0.0.1").arg(first.port).arg(bus).exec(&mut node)?;
            }
        }
        for number in MASTERS..NODES {
            let master: String = cmd("CLUSTER").arg("MYID").query(&mut self.ask(number - MASTERS)?)?;
            until("a replica knows its master", || {
                let replicate = cmd("CLUSTER").arg("REPLICATE").arg(&master).exec(&mut self.ask(number)?);
                Ok(replicate.is_ok())
            })?;
        }
        self.until_whole()
    }

    /// Waits until every node runs, every slot is served, and every master has a replica that is in step.
    pub fn until_whole(&self) -> anyhow::Result<()> {
        until("the cluster is whole", || self.is_whole())
    }

    fn is_whole(&self) -> anyhow::Result<bool> {
        let mut in_step = 0;
        for number in 0..NODES {
            let mut node = self.ask(number)?;
            if !is_well(&mut node, NODES)? {
                return Ok(false);
            }
            in_step += usize::from(is_in_step(&mut node)?);
        }
        Ok(in_step == NODES - MASTERS && self.masters()?.len() == MASTERS)
    }

    /// The nodes that own slots, as one that answers sees it.
    pub fn masters(&self) -> anyhow::Result<Vec<usize>> {
        let seen = self.look()?;
        Ok(seen.iter().filter(|node| !node.slots.is_empty()).filter_map(|node| self.number(node)).collect())
    }

    /// Waits until another node has taken over the slots of `master`.
    pub fn until_failed_over(&self, master: usize) -> anyhow::Result<()> {
        until("another node has taken over", || {
            let seen = self.look()?;
            let served: usize = seen.iter().map(|node| node.slots.len()).sum();
            let owners: Vec<usize> = seen
                .iter()
                .filter(|node| !node.slots.is_empty())
                .filter_map(|node| self.number(node))
                .collect();
            Ok(served == SLOTS && !owners.contains(&master))
        })
    }

    /// Ends a node as a crash would.
    pub fn kill9(&mut self, number: usize) -> anyhow::Result<()> {
        match std::mem::replace(&mut self.nodes[number].state, State::Dead) {
            State::Running(mut process) | State::Frozen(mut process) => process.kill9(),
            State::Dead => Ok(()),
        }
    }

    /// Starts a dead node again with the data it had. It finds out by itself what became of its slots.
    pub fn restart(&mut self, number: usize) -> anyhow::Result<()> {
        if let node @ Node { state: State::Dead, .. } = &mut self.nodes[number] {
            node.state = State::Running(start(&node.layout)?);
        }
        Ok(())
    }

    /// Freezes a node: for the others it is cut off, and when it goes on it believes what it believed before.
    pub fn freeze(&mut self, number: usize) -> anyhow::Result<()> {
        let state = std::mem::replace(&mut self.nodes[number].state, State::Dead);
        let State::Running(process) = state else { bail!("node {number} does not run") };
        process.signal(Signal::STOP)?;
        self.nodes[number].state = State::Frozen(process);
        Ok(())
    }

    /// Ends a freeze.
    pub fn resume(&mut self, number: usize) -> anyhow::Result<()> {
        let state = std::mem::replace(&mut self.nodes[number].state, State::Dead);
        let State::Frozen(process) = state else { bail!("node {number} is not frozen") };
        process.signal(Signal::CONT)?;
        self.nodes[number].state = State::Running(process);
        Ok(())
    }

    /// Hands the slot of `key` over to another master, key by key, while both serve it.
    pub fn move_slot(&self, key: &str) -> anyhow::Result<()> {
        let (seen, mut any) = (self.look()?, self.anybody()?);
        let slot: u16 = cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut any)?;
        let owners: Vec<&Seen> = seen.iter().filter(|node| !node.slots.is_empty()).collect();
        let at = owners.iter().position(|node| node.slots.contains(&slot)).context("nobody has the slot")?;
        let (from, to) = (owners[at], owners[(at + 1) % owners.len()]);
        let (source, target) =
            (self.number(from).context("the owner")?, self.number(to).context("the heir")?);
        let (mut giver, mut taker) = (self.ask(source)?, self.ask(target)?);
        let set = |state: &str, id: &str, node: &mut Connection| {
            cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(state).arg(id).exec(node)
        };
        set("IMPORTING", &from.id, &mut taker)?;
        set("MIGRATING", &to.id, &mut giver)?;
        let port = self.nodes[target].layout.port;
        loop {
            let keys: Vec<Vec<u8>> =
                cmd("CLUSTER").arg("GETKEYSINSLOT").arg(slot).arg(KEYS_AT_ONCE).query(&mut giver)?;
            if keys.is_empty() {
                break;
            }
            let mut hand_over = cmd("MIGRATE");
            hand_over.arg("127.0.0.1").arg(port).arg("").arg(0).arg(HAND_OVER_MS);
            hand_over.arg("AUTH2").arg("default").arg(&self.nodes[target].layout.passwords.admin);
            hand_over.arg("KEYS").arg(keys).exec(&mut giver).context("cannot hand keys over")?;
        }
        for node in [&mut taker, &mut giver] {
            set("NODE", &to.id, node)?;
        }
        until("everybody knows the new owner", || {
            let knows = |number| {
                let seen = seen_by(&mut self.ask(number)?)?;
                anyhow::Ok(seen.iter().any(|node| node.id == to.id && node.slots.contains(&slot)))
            };
            for number in 0..NODES {
                if !knows(number)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// A connection to one node, which must run.
    pub fn ask(&self, number: usize) -> anyhow::Result<Connection> {
        let Node { layout, state } = &self.nodes[number];
        ensure!(matches!(state, State::Running(_)), "node {number} does not run");
        let client = Client::open(layout.url("default", &layout.passwords.admin))?;
        let connection = client.get_connection_with_timeout(ANSWER_LIMIT)?;
        connection.set_read_timeout(Some(ANSWER_LIMIT))?;
        Ok(connection)
    }

    fn anybody(&self) -> anyhow::Result<Connection> {
        let mut running = (0..NODES).filter_map(|number| self.ask(number).ok());
        running.next().context("no node answers")
    }

    fn look(&self) -> anyhow::Result<Vec<Seen>> {
        seen_by(&mut self.anybody()?)
    }

    fn number(&self, seen: &Seen) -> Option<usize> {
        self.nodes.iter().position(|node| node.layout.port == seen.port)
    }
}

fn start(layout: &redis::Layout) -> anyhow::Result<Process> {
    Process::start(layout.command(), &layout.folder.join("log"), Signal::TERM, |_| layout.is_ready())
}

/// Waits until something is so. An error is no answer: a node may just be starting.
fn until(what: &str, is_so: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let begun = clock::monotonic();
    let mut last = None;
    while begun.elapsed() < PATIENCE {
        match is_so() {
            Ok(true) => return Ok(()),
            Ok(false) => last = None,
            Err(error) => last = Some(error),
        }
        std::thread::sleep(POLL);
    }
    match last {
        Some(error) => Err(error.context(format!("not within {PATIENCE:?}: {what}"))),
        None => bail!("not within {PATIENCE:?}: {what}"),
    }
}
