//! How quick a page is, and which way its statements go: shared by the tests of big programmes.

use std::time::Duration;

use runtime::clock;

use crate::support::{Answer, World};

/// A page on a busy two-core machine, in a build without optimisation.
const QUICK: Duration = Duration::from_secs(2);

/// How often a page is read at most. What else runs on the machine slows one reading down, hardly each of them.
const READINGS: usize = 5;

/// Reads a page until one reading was quick, and fails when none was.
pub(crate) async fn quick(path: &str, read: impl AsyncFn() -> Answer) -> Answer {
    let mut all = Vec::new();
    for _ in 0..READINGS {
        let started = clock::monotonic();
        let answer = read().await;
        let took = started.elapsed();
        if took < QUICK {
            return answer;
        }
        all.push(took);
    }
    panic!("{path} took {all:?}");
}

impl World {
    /// How Postgres would go about a statement with these values (`execute p (…)`), planned as the console's readers plan.
    pub(crate) async fn plan(&self, statement: &str, execute: &str) -> String {
        self.planned("force_custom_plan", statement, execute).await
    }

    /// The same for whatever values, as figures are read (`db::planned_once`).
    pub(crate) async fn plan_once(&self, statement: &str, execute: &str) -> String {
        self.planned("force_generic_plan", statement, execute).await
    }

    async fn planned(&self, mode: &str, statement: &str, execute: &str) -> String {
        let mut conn = self.owner.acquire().await.expect("a connection");
        let prepare = format!("set plan_cache_mode = {mode}; prepare p as {statement}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut *conn).await.expect("a good statement");
        let explain = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain {execute}")));
        let plan: Vec<String> = explain.fetch_all(&mut *conn).await.expect("a plan");
        sqlx::raw_sql("deallocate p; reset plan_cache_mode").execute(&mut *conn).await.expect("it is let go");
        plan.join("\n")
    }

    /// What Postgres did with a statement for an affiliate who has nothing, step by step.
    pub(crate) async fn done_for_an_affiliate(&self, mode: &str, statement: &str, execute: &str) -> String {
        let mut conn = self.owner.acquire().await.expect("a connection");
        let begin = format!(
            "begin; set local role linkledger_affiliate; select set_config('app.affiliate_id', '987654321', true); \
             set local plan_cache_mode = {mode}; prepare q as {statement}"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(begin)).execute(&mut *conn).await.expect("a good statement");
        let explain =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain (analyze, costs off) {execute}")));
        let done: Vec<String> = explain.fetch_all(&mut *conn).await.expect("it is done");
        sqlx::raw_sql("deallocate q; rollback").execute(&mut *conn).await.expect("it is let go");
        done.join("\n")
    }
}
