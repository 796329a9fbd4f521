//! Named places where a process can be made to die or to fail, so that tests meet windows that random kills would hardly
//! find, and faults that no test can cause from outside.
//!
//! `LINKLEDGER_FAILPOINT=flush.sealed:abort@3` ends the process when it passes `flush.sealed` for the third time, as
//! kill -9 would: no destructor runs. `@FILE` reads the same words from a file at start; when it fires, the file is
//! emptied, so that the next process lives, and the name is added to `FILE.fired`. In place of `abort`, `panic` panics at
//! that pass, `stall` takes [`STALL`] at each from then on, and `fail` fails at each from then on, where it [`may_fail`].
//!
//! Points exist in builds with debug assertions, and in others only with the feature `failpoints`: in what is released
//! [`pass`] is nothing at all, on no path. Our own and not a library, because the usual one can panic but not abort,
//! does not count passes, and takes a lock at each.

use std::io;
use std::time::Duration;

/// What a stalling point takes: far more than anything that is timed.
pub const STALL: Duration = Duration::from_millis(5);

/// Passes a named point. Dies there if this process was told to.
#[inline]
pub fn pass(name: &'static str) {
    #[cfg(any(debug_assertions, feature = "failpoints"))]
    armed::pass(name);
    #[cfg(not(any(debug_assertions, feature = "failpoints")))]
    let _nothing = name;
}

/// Passes a named point in front of something that may fail. Fails in its place if this process was told to.
#[inline]
pub fn may_fail(name: &'static str) -> io::Result<()> {
    #[cfg(any(debug_assertions, feature = "failpoints"))]
    return armed::may_fail(name);
    #[cfg(not(any(debug_assertions, feature = "failpoints")))]
    {
        let _nothing = name;
        Ok(())
    }
}

/// Whether this build has points at all.
pub const fn are_compiled_in() -> bool {
    cfg!(any(debug_assertions, feature = "failpoints"))
}

#[cfg(any(debug_assertions, feature = "failpoints"))]
mod armed {
    use std::io::{self, Write as _};
    use std::path::PathBuf;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// What happens at the point.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Act {
        Abort,
        Panic,
        Stall,
        Fail,
    }

    impl Act {
        fn named(name: &str) -> Option<Self> {
            match name {
                "abort" => Some(Self::Abort),
                "panic" => Some(Self::Panic),
                "stall" => Some(Self::Stall),
                "fail" => Some(Self::Fail),
                _ => None,
            }
        }

        /// At one pass alone, or at all from it on.
        fn is_once(self) -> bool {
            matches!(self, Self::Abort | Self::Panic)
        }
    }

    /// Where something happens to this process.
    #[derive(Debug)]
    pub(super) struct Armed {
        pub(super) name: String,
        pub(super) act: Act,
        /// At which pass.
        pub(super) nth: u32,
        passes: AtomicU32,
        /// Where it was told so.
        file: Option<PathBuf>,
    }

    static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "a word to a process under test, not a setting of a service"
        )]
        let told = std::env::var("LINKLEDGER_FAILPOINT").ok()?;
        match told.strip_prefix('@').map(PathBuf::from) {
            Some(file) => Armed::read(&std::fs::read_to_string(&file).ok()?, Some(file)),
            None => Armed::read(&told, None),
        }
    });

    impl Armed {
        pub(super) fn read(words: &str, file: Option<PathBuf>) -> Option<Self> {
            let (name, rest) = words.trim().split_once(':')?;
            let (act, nth) = rest.split_once('@')?;
            let (name, act, nth) = (name.to_owned(), Act::named(act)?, nth.parse().ok()?);
            Some(Self { name, act, nth, passes: AtomicU32::new(0), file })
        }

        /// What happens at this pass.
        pub(super) fn due(&self, name: &str) -> Option<Act> {
            if self.name != name {
                return None;
            }
            let pass = self.passes.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            let is_due = if self.act.is_once() { pass == self.nth } else { pass >= self.nth };
            is_due.then_some(self.act)
        }

        fn die(&self) -> ! {
            if let Some(file) = &self.file {
                let mut fired = file.clone().into_os_string();
                fired.push(".fired");
                let open = std::fs::OpenOptions::new().create(true).append(true).open(fired);
                let _disarmed = std::fs::write(file, "");
                let _told = open.and_then(|mut fired| writeln!(fired, "{}", self.name));
            }
            std::process::abort()
        }
    }

    pub(super) fn pass(name: &str) {
        let _only_where_it_may = may_fail(name);
    }

    pub(super) fn may_fail(name: &str) -> io::Result<()> {
        let Some(armed) = ARMED.as_ref() else { return Ok(()) };
        match armed.due(name) {
            None => Ok(()),
            Some(Act::Abort) => armed.die(),
            Some(Act::Panic) => panic!("told to panic at {name}"),
            Some(Act::Stall) => {
                std::thread::sleep(super::STALL);
                Ok(())
            }
            Some(Act::Fail) => Err(io::Error::other(format!("told to fail at {name}"))),
        }
    }
}

#[cfg(all(test, any(debug_assertions, feature = "failpoints")))]
mod tests {
    use super::armed::{Act, Armed};

    #[test]
    fn the_nth_pass_of_the_named_point_is_due_once() {
        let armed = Armed::read("flush.sealed:abort@3\n", None).expect("well said");
        let passes = ["flush.sealed", "flush.read", "flush.sealed", "flush.sealed", "flush.sealed"];
        assert_eq!(passes.map(|name| armed.due(name)), [None, None, None, Some(Act::Abort), None]);
    }

    #[test]
    fn what_stalls_or_fails_does_so_from_the_nth_pass_on() {
        for (words, act) in [("a:stall@2", Act::Stall), ("a:fail@2", Act::Fail)] {
            let armed = Armed::read(words, None).expect("well said");
            assert_eq!(["a", "b", "a", "a"].map(|name| armed.due(name)), [None, None, Some(act), Some(act)]);
        }
    }

    #[test]
    fn anything_else_arms_nothing() {
        for words in
            ["", "flush.sealed", "flush.sealed:sleep@1", "flush.sealed:abort@often", "flush.sealed:abort"]
        {
            assert!(Armed::read(words, None).is_none(), "{words}");
        }
        assert_eq!(Armed::read("a:abort@2", None).map(|armed| armed.nth), Some(2));
    }
}
