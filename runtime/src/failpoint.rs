//! Named places where a process can be made to die, so that tests meet windows that random kills would hardly find.
//!
//! `LINKLEDGER_FAILPOINT=flush.sealed:abort@3` ends the process when it passes `flush.sealed` for the third time, as
//! kill -9 would: no destructor runs. `@FILE` reads the same words from a file at start; when it fires, the file is
//! emptied, so that the next process lives, and the name is added to `FILE.fired`.
//!
//! Points exist in builds with debug assertions, and in others only with the feature `failpoints`: in what is released
//! [`pass`] is nothing at all, on no path. Our own and not a library, because the usual one can panic but not abort,
//! does not count passes, and takes a lock at each.

/// Passes a named point. Dies there if this process was told to.
#[inline]
pub fn pass(name: &'static str) {
    #[cfg(any(debug_assertions, feature = "failpoints"))]
    armed::pass(name);
    #[cfg(not(any(debug_assertions, feature = "failpoints")))]
    let _nothing = name;
}

/// Whether this build has points at all.
pub const fn are_compiled_in() -> bool {
    cfg!(any(debug_assertions, feature = "failpoints"))
}

#[cfg(any(debug_assertions, feature = "failpoints"))]
mod armed {
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Where this process dies.
    #[derive(Debug)]
    pub(super) struct Armed {
        pub(super) name: String,
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
            let (name, nth) = words.trim().split_once(":abort@")?;
            Some(Self { name: name.to_owned(), nth: nth.parse().ok()?, passes: AtomicU32::new(0), file })
        }

        /// Whether this pass is the one.
        pub(super) fn is_due(&self, name: &str) -> bool {
            self.name == name && self.passes.fetch_add(1, Ordering::Relaxed) + 1 == self.nth
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
        if let Some(armed) = ARMED.as_ref().filter(|armed| armed.is_due(name)) {
            armed.die();
        }
    }
}

#[cfg(all(test, any(debug_assertions, feature = "failpoints")))]
mod tests {
    use super::armed::Armed;

    #[test]
    fn the_nth_pass_of_the_named_point_is_due_once() {
        let armed = Armed::read("flush.sealed:abort@3\n", None).expect("well said");
        let passes = ["flush.sealed", "flush.read", "flush.sealed", "flush.sealed", "flush.sealed"];
        assert_eq!(passes.map(|name| armed.is_due(name)), [false, false, false, true, false]);
    }

    #[test]
    fn anything_else_arms_nothing() {
        for words in ["", "flush.sealed", "flush.sealed:panic@1", "flush.sealed:abort@often"] {
            assert!(Armed::read(words, None).is_none(), "{words}");
        }
        assert_eq!(Armed::read("a:abort@2", None).map(|armed| armed.nth), Some(2));
    }
}
