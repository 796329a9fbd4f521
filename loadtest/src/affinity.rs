//! Which core a thread runs on. A child process inherits it, which is how servers are pinned without any tool.

use anyhow::Context as _;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins the calling thread to one core, for the rest of its life.
pub fn pin_thread(core: usize) -> anyhow::Result<()> {
    sched_setaffinity(None, &only(core)?).with_context(|| format!("cannot run on core {core} alone"))
}

/// Runs `start` on one core and gives the thread its own cores back. A process started in it stays on that core.
pub fn on_core<T>(core: usize, start: impl FnOnce() -> T) -> anyhow::Result<T> {
    let before = sched_getaffinity(None).context("cannot read this thread's cores")?;
    pin_thread(core)?;
    let outcome = start();
    sched_setaffinity(None, &before).context("cannot give this thread its cores back")?;
    Ok(outcome)
}

fn only(core: usize) -> anyhow::Result<CpuSet> {
    anyhow::ensure!(core < CpuSet::MAX_CPU, "there is no core {core}");
    let mut set = CpuSet::new();
    set.set(core);
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_is_borrowed_and_given_back() {
        let before = sched_getaffinity(None).expect("readable");
        let core = (0..CpuSet::MAX_CPU).find(|core| before.is_set(*core)).expect("we run on a core");
        let during = on_core(core, || sched_getaffinity(None).expect("readable")).expect("a core we have");
        assert_eq!(during, only(core).expect("a core we have"));
        assert_eq!(sched_getaffinity(None).expect("readable"), before);
        assert!(pin_thread(CpuSet::MAX_CPU).is_err());
    }
}
