//! Redis, as one server or as a cluster. Every connection here is one that commands share; whoever holds it says how
//! long it waits, and makes a new one after a failure. A cluster's connection follows moved slots and repeats commands
//! for that, behind everybody's back: harmless, as an edge only reads, and `apply` compares before it counts.

use std::time::Duration;

use common::wire::cluster::{self, Range};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    Pipeline, RedisError, RedisFuture, RedisResult, Value,
};

/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long sent bytes may stay unacknowledged before the connection is given up: a network that swallows packets.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// Commands that are ready together leave together, up to so many bytes: the calls of all partitions of a turn.
const WRITE_AT_ONCE: usize = 1 << 20;
/// A moved slot is followed twice; more means the cluster has no owner for it now.
const CLUSTER_REDIRECTS: u32 = 2;
/// Between two such attempts, ms, while a slot is handed over: whoever asked soon asks again.
const CLUSTER_WAIT_MS: std::ops::RangeInclusive<u64> = 10..=100;

/// Where Redis is.
#[derive(Debug, Clone)]
pub struct Store {
    nodes: Vec<ConnectionInfo>,
}

impl Store {
    /// Reads one URL (a server) or several separated by commas (a cluster). The error never shows a password.
    pub fn parse(urls: &str) -> Result<Self, String> {
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(UNACKNOWLEDGED);
        let parse = |url: &str| {
            let info = url.trim().into_connection_info();
            info.map(|info| info.set_tcp_settings(tcp.clone())).map_err(|_| {
                format!(
                    "{:?} is not a Redis URL such as redis://127.0.0.1:6379",
                    runtime::config::without_password(url)
                )
            })
        };
        let nodes = urls.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { nodes })
    }

    /// Whether it is a cluster.
    pub fn is_cluster(&self) -> bool {
        self.nodes.len() > 1
    }

    /// A new connection whose commands fail after `patience`.
    pub async fn connect(&self, patience: Duration) -> RedisResult<Connection> {
        match &self.nodes[..] {
            [only] => Ok(Connection::Server(connect_to(only.clone(), patience).await?)),
            several => {
                let client: ClusterClient = ClusterClientBuilder::new(several.iter().cloned())
                    .tcp_settings(several[0].tcp_settings().clone())
                    .retries(CLUSTER_REDIRECTS)
                    .min_retry_wait(*CLUSTER_WAIT_MS.start())
                    .max_retry_wait(*CLUSTER_WAIT_MS.end())
                    .connection_timeout(CONNECT_TIMEOUT)
                    .response_timeout(patience)
                    .build()?;
                Ok(Connection::Cluster(client.get_async_connection().await?))
            }
        }
    }

    /// A connection to each server that owns keys, for walking over all of them. Fails while some keys have no owner.
    pub async fn connect_to_each(&self, patience: Duration) -> RedisResult<Vec<MultiplexedConnection>> {
        if !self.is_cluster() {
            return Ok(vec![connect_to(self.nodes[0].clone(), patience).await?]);
        }
        let mut last = None;
        for node in &self.nodes {
            match self.primaries_known_to(node, patience).await {
                Ok(primaries) => return Ok(primaries),
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("a cluster has nodes"))
    }

    async fn primaries_known_to(
        &self,
        node: &ConnectionInfo,
        patience: Duration,
    ) -> RedisResult<Vec<MultiplexedConnection>> {
        let mut connection = connect_to(node.clone(), patience).await?;
        let reply: Vec<Vec<Value>> = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
        let primaries = cluster::owners(reply.iter().filter_map(|range| owned(range)))
            .map_err(|bad| RedisError::from((ErrorKind::Client, "the cluster", bad.to_string())))?;
        let mut connections = Vec::with_capacity(primaries.len());
        for (host, port) in primaries {
            connections
                .push(connect_to(node.clone().set_addr(ConnectionAddr::Tcp(host, port)), patience).await?);
        }
        Ok(connections)
    }
}

/// One line of `CLUSTER SLOTS`: first, last, then the primary and its replicas.
fn owned(range: &[Value]) -> Option<Range> {
    let number = |value: &Value| redis::from_redis_value_ref::<u16>(value).ok();
    let [first, last, Value::Array(owner), ..] = range else { return None };
    let host = redis::from_redis_value_ref(owner.first()?).unwrap_or_default();
    Some(Range { first: number(first)?, last: number(last)?, host, port: number(owner.get(1)?)? })
}

async fn connect_to(info: ConnectionInfo, patience: Duration) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(patience))
        .set_write_backpressure_boundary(WRITE_AT_ONCE);
    Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await
}

/// A connection that commands share.
#[derive(Clone)]
pub enum Connection {
    /// To a server.
    Server(MultiplexedConnection),
    /// To a cluster.
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Server(_)) { "Server" } else { "Cluster" })
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
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
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
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
        assert!(!Store::parse("redis://127.0.0.1:6379/0").expect("a URL").is_cluster());
        assert!(!Store::parse("redis+unix:///tmp/redis.sock").expect("a URL").is_cluster());
        assert!(Store::parse("redis://a.example.com:1, redis://b.example.com:2").expect("URLs").is_cluster());
    }

    #[test]
    fn a_bad_url_is_named_without_its_password() {
        let error = Store::parse("http://app:s3cret@db.example.com").expect_err("not Redis");
        assert!(error.contains("db.example.com") && !error.contains("s3cret"), "{error}");
    }
}
