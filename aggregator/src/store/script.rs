//! Scripts: called by name, and with their text where a node does not know them.
//!
//! Scripts are not handed to replicas, so whoever takes over in a cluster has never seen any. Sending the text with the
//! same call teaches exactly the node that has to know it, while others may be away.

use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, ToRedisArgs};

use super::{Node, RedisConnection};

/// A script and its name.
pub struct Script {
    text: &'static str,
    name: String,
}

/// A call of a script, before it is sent.
pub struct Call<'a> {
    script: &'a Script,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Script {
    /// Names a script after its text.
    pub fn new(text: &'static str) -> Self {
        Self { text, name: redis::Script::new(text).get_hash().to_owned() }
    }

    /// Begins a call.
    pub fn call(&self) -> Call<'_> {
        Call { script: self, keys: Vec::new(), arguments: Vec::new() }
    }

    /// Tells every server the script, before many calls that are sent together. One that is away must not keep the
    /// others from being told: a call that needs it fails and is made again.
    pub async fn teach(&self, redis: &mut RedisConnection) -> RedisResult<()> {
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(self.text);
        match &redis.nodes().await?[..] {
            [only @ Node::Only] => redis.ask::<String>(only, &load).await.map(drop),
            nodes => {
                for node in nodes {
                    let _told = redis.ask::<String>(node, &load).await;
                }
                Ok(())
            }
        }
    }
}

impl Call<'_> {
    /// Adds a key. All keys of a call lie in one slot.
    pub fn key(&mut self, key: impl ToRedisArgs) -> &mut Self {
        key.write_redis_args(&mut self.keys);
        self
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    /// The command that calls it by name.
    pub fn command(&self) -> Cmd {
        self.with("EVALSHA", &self.script.name)
    }

    /// Calls it.
    pub async fn run<T: FromRedisValue>(&self, redis: &mut RedisConnection) -> RedisResult<T> {
        match self.command().query_async(redis).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.with("EVAL", self.script.text).query_async(redis).await
            }
            answer => answer,
        }
    }

    fn with(&self, verb: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(verb);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}
