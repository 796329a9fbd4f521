//! Redis, as one server or as a cluster.
//!
//! A cluster's connection finds its own way after a failover or a moved slot, and repeats commands to do so. That is
//! harmless because no job counts with a bare command: scripts compare before they set, and every other write may be
//! repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use common::wire::cluster::{self, Range};
use deadpool_redis::{Manager, Pool, Runtime};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use redis::aio::ConnectionLike;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo as _, Pipeline,
    RedisError, RedisFuture, RedisResult, Value, from_redis_value,
};
use tokio::sync::Mutex;

/// Connections to a server: one for every partition being flushed, and one for every other job.
const CONNECTIONS: usize = 12;
/// How long to wait for a free connection, for a new one, and for the ping before reuse: a local network answers in
/// milliseconds, and the next cycle comes soon.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one call may take. The slowest, a pipeline of some thousand links, takes a tenth of this.
const CALL: Duration = Duration::from_secs(5);
/// How often a cluster's connection follows a moved slot, or waits for one that is being handed over, within a call.
const CLUSTER_RETRIES: u32 = 4;
/// Between two such attempts, ms. The next cycle comes soon.
const CLUSTER_WAIT_MS: std::ops::RangeInclusive<u64> = 20..=250;
/// A cluster's connection finds its way around lost nodes by itself; after so many failures in a row it is replaced.
const CLUSTER_FAILURES: u32 = 16;
/// Commands on their way to a cluster at once: enough that a round trip costs little, few enough that no node queues.
const CLUSTER_AT_ONCE: usize = 128;

/// The way to Redis. Clones share connections.
#[derive(Clone)]
pub struct Redis {
    way: Way,
}

#[derive(Clone)]
enum Way {
    Server(Pool),
    Cluster(Arc<Cluster>),
}

/// One connection that everybody shares: it holds one to each node.
struct Cluster {
    client: ClusterClient,
    shared: Mutex<Option<ClusterConnection>>,
    /// Calls in a row that failed.
    failures: AtomicU32,
}

/// A connection to Redis.
pub enum RedisConnection {
    /// To a server, borrowed from the pool.
    Server(deadpool_redis::Connection),
    /// To a cluster.
    Cluster(ClusterWay),
}

/// A clone of a cluster's shared connection that notes how its calls end.
pub struct ClusterWay {
    connection: ClusterConnection,
    cluster: Arc<Cluster>,
}

/// A server that owns keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// There is only one.
    Only,
    /// One of a cluster.
    At(String, u16),
}

impl Redis {
    /// Reads one URL (a server) or several separated by commas (a cluster); nothing is connected yet.
    pub fn open(urls: &str) -> anyhow::Result<Self> {
        let parse = |url: &str| {
            let info =
                url.trim().into_connection_info().context("not a Redis URL; say redis://host:port/0")?;
            anyhow::Ok(info.set_tcp_settings(tcp()))
        };
        let nodes: Vec<ConnectionInfo> = urls.split(',').map(parse).collect::<Result<_, _>>()?;
        let way = match <[ConnectionInfo; 1]>::try_from(nodes) {
            Ok([server]) => Way::Server(pool(server)?),
            Err(nodes) => Way::Cluster(Arc::new(Cluster {
                client: client(nodes)?,
                shared: Mutex::default(),
                failures: AtomicU32::new(0),
            })),
        };
        Ok(Self { way })
    }

    /// A connection: to a server one that answered a ping just now, to a cluster the shared one.
    pub async fn connection(&self) -> anyhow::Result<RedisConnection> {
        match &self.way {
            Way::Server(pool) => pool.get().await.map(RedisConnection::Server).context("cannot reach Redis"),
            Way::Cluster(cluster) => {
                cluster.clone().connection().await.context("cannot reach the Redis cluster")
            }
        }
    }
}

fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn pool(server: ConnectionInfo) -> anyhow::Result<Pool> {
    let calls =
        AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(CALL));
    let pool = Pool::builder(Manager::new_with_config(server, calls)?)
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(PATIENCE))
        .recycle_timeout(Some(PATIENCE))
        .build()?;
    Ok(pool)
}

fn client(nodes: Vec<ConnectionInfo>) -> RedisResult<ClusterClient> {
    ClusterClientBuilder::new(nodes)
        .tcp_settings(tcp())
        .retries(CLUSTER_RETRIES)
        .min_retry_wait(*CLUSTER_WAIT_MS.start())
        .max_retry_wait(*CLUSTER_WAIT_MS.end())
        .connection_timeout(PATIENCE)
        .response_timeout(CALL)
        .build()
}

impl Cluster {
    async fn connection(self: Arc<Self>) -> anyhow::Result<RedisConnection> {
        let mut shared = self.shared.lock().await;
        if self.failures.load(Ordering::Relaxed) >= CLUSTER_FAILURES {
            *shared = None;
        }
        let connection = if let Some(connection) = &*shared {
            connection.clone()
        } else {
            let connected = tokio::time::timeout(CALL, self.client.get_async_connection()).await;
            let connection = connected.context("no node answered in time")??;
            self.failures.store(0, Ordering::Relaxed);
            shared.insert(connection).clone()
        };
        drop(shared);
        Ok(RedisConnection::Cluster(ClusterWay { connection, cluster: self }))
    }

    fn note<T>(&self, outcome: &RedisResult<T>) {
        match outcome {
            // A node that hangs never says that another one has taken over: a new connection asks the others.
            Err(error) if error.is_timeout() => self.failures.store(CLUSTER_FAILURES, Ordering::Relaxed),
            Err(error) if !matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            // Redis itself answered, if only with an error. What hangs is not forgotten for that.
            _ if self.failures.load(Ordering::Relaxed) < CLUSTER_FAILURES => {
                self.failures.store(0, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

impl RedisConnection {
    /// Sends commands that do not depend on one another, and returns their answers in the same order: a server gets
    /// them as one pipeline, in a cluster each finds its own way.
    pub async fn all<T: FromRedisValue>(&mut self, commands: Vec<Cmd>) -> RedisResult<Vec<T>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Self::Server(server) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                for command in commands {
                    pipeline.add_command(command);
                }
                pipeline.query_async(server).await
            }
            Self::Cluster(way) => {
                let send = |command: Cmd| {
                    let mut way = way.another();
                    async move { command.query_async(&mut way).await }
                };
                stream::iter(commands).map(send).buffered(CLUSTER_AT_ONCE).try_collect().await
            }
        }
    }

    /// The servers that own keys. Fails while some keys have no owner: whoever walks would miss them.
    pub async fn nodes(&mut self) -> RedisResult<Vec<Node>> {
        let Self::Cluster(way) = self else { return Ok(vec![Node::Only]) };
        let ranges: Vec<Vec<Value>> = redis::cmd("CLUSTER").arg("SLOTS").query_async(way).await?;
        let owners = cluster::owners(ranges.iter().filter_map(|range| owned(range)));
        let owners =
            owners.map_err(|bad| RedisError::from((ErrorKind::Client, "the cluster", bad.to_string())))?;
        Ok(owners.into_iter().map(|(host, port)| Node::At(host, port)).collect())
    }

    /// Asks one of [`Self::nodes`].
    pub async fn ask<T: FromRedisValue>(&mut self, node: &Node, command: &Cmd) -> RedisResult<T> {
        let (Self::Cluster(way), Node::At(host, port)) = (&mut *self, node) else {
            return command.query_async(self).await;
        };
        let place = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
        let answer = way.connection.route_command(command.clone(), RoutingInfo::SingleNode(place)).await;
        way.cluster.note(&answer);
        Ok(from_redis_value(answer?.extract_error()?)?)
    }
}

/// One line of `CLUSTER SLOTS`: first, last, then the owner and its replicas.
fn owned(range: &[Value]) -> Option<Range> {
    let number = |value: &Value| redis::from_redis_value_ref::<u16>(value).ok();
    let [first, last, Value::Array(owner), ..] = range else { return None };
    let host = redis::from_redis_value_ref(owner.first()?).unwrap_or_default();
    Some(Range { first: number(first)?, last: number(last)?, host, port: number(owner.get(1)?)? })
}

impl ClusterWay {
    fn another(&self) -> Self {
        Self { connection: self.connection.clone(), cluster: self.cluster.clone() }
    }
}

impl ConnectionLike for ClusterWay {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let answer = self.connection.req_packed_command(cmd).await;
            self.cluster.note(&answer);
            answer
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let answers = self.connection.req_packed_commands(pipeline, offset, count).await;
            self.cluster.note(&answers);
            answers
        })
    }

    fn get_db(&self) -> i64 {
        0
    }
}

impl ConnectionLike for RedisConnection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(cmd),
            Self::Cluster(way) => way.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => server.req_packed_commands(pipeline, offset, count),
            Self::Cluster(way) => way.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_is_a_server_and_several_are_a_cluster() {
        let way = |urls: &str| Redis::open(urls).map(|redis| redis.way);
        assert!(matches!(way("redis://127.0.0.1:6379/0"), Ok(Way::Server(_))));
        assert!(matches!(way("redis://a.example.com:1, redis://b.example.com:2"), Ok(Way::Cluster(_))));
        assert!(way("redis://a.example.com:1,http://b.example.com:2").is_err());
    }
}
