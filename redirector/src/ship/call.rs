//! Speaking to Redis: a batch as a call of `apply`, its answer, and the two questions about where things stand.

use std::time::Duration;

use common::ids::{Lane, Partition, Seq};
use common::ship::{Answer, Call, Sums};
use common::wire::{PartitionKeys, script};
use futures_util::future::try_join_all;
use redis::{Arg, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use runtime::failpoint::pass;

use crate::store::Connection;

/// How long an answer may take. Redis works a call off in two milliseconds; after this its outcome is unknown.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// The names and texts every call needs.
#[derive(Debug)]
pub(super) struct Speech {
    apply_hash: String,
    keys: Vec<PartitionKeys>,
}

/// Where Redis stands for one partition of a lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// Where its buckets end. `None`: it does not know the lane.
    pub(super) end: Option<Seq>,
    /// What Postgres has.
    pub(super) durable: Seq,
}

impl Speech {
    pub(super) fn new(partitions: common::ids::Partitions) -> Self {
        let apply_hash = redis::Script::new(script::APPLY).get_hash().to_owned();
        Self { apply_hash, keys: partitions.iter().map(PartitionKeys::new).collect() }
    }

    /// The command that sends a batch.
    pub(super) fn command(&self, call: &Call, sums: &Sums) -> Cmd {
        let keys = &self.keys[usize::from(call.partition.0)];
        let arguments = Call::arguments(sums);
        let mut cmd = Cmd::with_capacity(arguments + 2, 64 + 24 * arguments);
        cmd.arg("EVALSHA").arg(&self.apply_hash);
        call.write(keys, sums, |argument| _ = cmd.arg(argument));
        cmd
    }

    /// Asks where a lane stands, for every partition. A cluster is asked slot by slot.
    pub(super) async fn standings(&self, lane: Lane, connection: &Connection) -> RedisResult<Vec<Standing>> {
        let ask = |keys: &[PartitionKeys]| {
            let mut pipeline = redis::pipe();
            for keys in keys {
                pipeline.cmd("HGET").arg(&keys.end).arg(lane.0).cmd("HGET").arg(&keys.durable).arg(lane.0);
            }
            let mut connection = connection.clone();
            async move { pipeline.query_async::<Vec<Option<u64>>>(&mut connection).await }
        };
        let numbers = match connection {
            Connection::Server(_) => ask(&self.keys).await?,
            Connection::Cluster(_) => try_join_all(self.keys.chunks(1).map(ask)).await?.concat(),
        };
        let standing =
            |pair: &[Option<u64>]| Standing { end: pair[0].map(Seq), durable: Seq(pair[1].unwrap_or(0)) };
        Ok(numbers.chunks_exact(2).map(standing).collect())
    }
}

/// Sends a batch. A server that does not know the script, as one that has just taken over in a cluster, is sent the
/// same batch with its text: nobody else has to be asked, who may be away.
pub(super) async fn apply(command: &Cmd, connection: &mut Connection) -> RedisResult<Answer> {
    pass("ship.before_apply");
    let answered = command.query_async(connection).await;
    pass("ship.applied");
    match answered {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            metrics::counter!("redirector_ship_replies_total", "reply" => "noscript").increment(1);
            answer(with_text(command).query_async(connection).await?)
        }
        reply => answer(reply?),
    }
}

/// The same call with the script's text in place of its name.
fn with_text(command: &Cmd) -> Cmd {
    let mut with_text = redis::cmd("EVAL");
    with_text.arg(script::APPLY);
    for word in command.args_iter().skip(2) {
        if let Arg::Simple(word) = word {
            with_text.arg(word);
        }
    }
    with_text
}

fn answer((kind, seq): (String, String)) -> RedisResult<Answer> {
    Answer::parse(&kind, &seq).ok_or_else(|| unreadable("apply gave an unknown answer"))
}

fn unreadable(what: &'static str) -> RedisError {
    RedisError::from((ErrorKind::UnexpectedReturnType, what))
}

/// What a call ended with, for metrics.
pub(super) fn name_of(outcome: &RedisResult<Answer>) -> &'static str {
    match outcome {
        Ok(Answer::Counted(_)) => "ok",
        Ok(Answer::EndsAt(_)) => "stale",
        Ok(Answer::Missing) => "missing",
        Err(error) if error.is_timeout() => "timeout",
        Err(_) => "error",
    }
}

/// One part of a lane's number and place, for results that come back in any order.
pub(super) type Place = (Lane, Partition);
