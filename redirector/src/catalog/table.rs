//! All links in memory: many readers on every core, and a writer that changes one link at a time.
//!
//! A reader holds a shard's read lock for as long as it looks at a link and never awaits there; a writer replaces one
//! entry under the write lock. With 256 shards the two hardly ever meet.
//!
//! With a million links nearly every step of a lookup is a trip to memory, and those are most of what resolving
//! costs: entries stand in the table itself, with the destination's text inside, three cache lines each.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use common::destination::Template;
use common::ids::{Code, LinkId, VendorId};
use common::link::{Entry, Published};
use common::time::Millis;
use foldhash::quality::RandomState;
use parking_lot::{RwLock, RwLockReadGuard};
use prefetch_index::prefetch_index;

use super::slots::Slots;

/// Enough that a core which reads and one that writes are rarely in the same shard; a power of two.
const SHARDS: usize = 256;
/// How many entries may have to go for the boxed text of one that is wanted: most have none.
const MAX_VICTIMS: u32 = 8;

/// What is known of a code: a place of the table. Three cache lines exactly, the code in the first.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Known {
    /// The code. `None`: nothing is known here.
    pub(super) code: Option<Code>,
    /// Which load of the whole catalog last saw it.
    seen: u32,
    /// Older news of this code are ignored.
    pub version: u64,
    /// The link. `None`: there was one and it was deleted.
    pub link: Option<Link>,
}

/// A link, ready to be followed.
#[derive(Debug)]
pub struct Link {
    /// Its id.
    pub link: LinkId,
    /// Who earns by it.
    pub affiliate: u64,
    /// The product, or 0.
    pub product: u64,
    /// From then on it is expired. [`NEVER`] for never.
    pub expires: Millis,
    /// Where it leads. `None`: it was published with something that cannot be followed, and counts as paused.
    pub destination: Option<Template>,
    /// Where shoppers go while it is paused or expired. Boxed once more: it is rarely there and rarely wanted.
    pub fallback: Option<Box<Box<str>>>,
    /// Whose product it leads to.
    pub vendor: VendorId,
    /// Whether it is tracked.
    pub is_active: bool,
}

const _: () = assert!(size_of::<Known>() == 192);

/// An expiry that does not come.
pub(super) const NEVER: Millis = Millis(u64::MAX);

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is in memory now.
    Stored,
    /// What is in memory is as new or newer.
    Old,
    /// The memory limit is reached, and it was not worth another's place.
    NoRoom,
    /// Its code is not one.
    Bad,
}

/// What to do when the memory limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Leave it out: it is asked for when somebody wants it.
    Skip,
    /// Somebody wants it: make room.
    Evict,
}

/// A code, and where it would be.
#[derive(Debug, Clone, Copy)]
pub struct Aim {
    /// The code.
    pub code: Code,
    hash: u64,
}

/// A code that is being looked for. Its shard is locked for reading as long as this lives, which must be short.
pub struct Sought<'a> {
    code: Code,
    hash: u64,
    shard: RwLockReadGuard<'a, Slots>,
}

impl Sought<'_> {
    /// What is known of it.
    #[inline]
    pub fn known(&self) -> Option<&Known> {
        self.shard.find(self.hash, &self.code)
    }
}

/// The links.
#[derive(Debug)]
pub struct Table {
    shards: Box<[RwLock<Slots>]>,
    hasher: RandomState,
    limit: usize,
    bytes: AtomicUsize,
    links: AtomicUsize,
    unfollowable: AtomicUsize,
    evicted: AtomicU64,
}

impl Table {
    /// An empty table that keeps to `limit` bytes. Its hash is keyed at random.
    pub fn new(limit: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::default(),
            limit,
            bytes: AtomicUsize::new(0),
            links: AtomicUsize::new(0),
            unfollowable: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// Finds out where a code would be, and asks memory for the way there. What is done before [`Self::seek`] costs
    /// nothing: memory is as slow.
    #[inline]
    pub fn aim(&self, code: Code) -> Aim {
        let hash = self.hash(&code);
        prefetch_index(&self.shards, shard_of(hash));
        Aim { code, hash }
    }

    /// Begins to look there. What is done before the result is asked for costs as little.
    #[inline]
    pub fn seek(&self, aim: Aim) -> Sought<'_> {
        let Aim { code, hash } = aim;
        let shard = self.shards[shard_of(hash)].read();
        shard.fetch(hash);
        Sought { code, hash, shard }
    }

    /// Makes room for so many links before they come, if the memory limit allows it for all. Tables that grow step by step leave
    /// holes behind, which the kernel fills again with small pages: every lookup then waits for the page's place, too.
    pub fn expect(&self, links: usize) {
        // Shards are not filled quite evenly.
        let each = links / SHARDS + links / SHARDS / 20 + 8;
        let more: usize = self.shards.iter().map(|shard| shard.read().reserved(each)).sum();
        if self.bytes() + more > self.limit {
            return; // It will be a cache: its shards share what there is as links come.
        }
        for shard in &self.shards {
            self.resizing(&mut shard.write(), |shard| shard.reserve(each, &|code| self.hash(code)));
        }
    }

    /// Takes in an entry if it is news. `load` marks it as seen in that load.
    pub fn tell(&self, entry: Entry, load: u32, when_full: WhenFull) -> Told {
        let Some(code) = Code::new(entry.code.as_bytes()) else { return Told::Bad };
        let known = Known {
            code: Some(code),
            seen: load,
            version: entry.version,
            link: entry.link.map(Link::from_published),
        };
        let hash = self.hash(&code);
        let mut shard = self.shards[shard_of(hash)].write();
        if let Some(old) = shard.find_mut(hash, &code) {
            old.seen = load;
            if old.version >= known.version {
                return Told::Old;
            }
            self.enter(&known);
            self.leave(old);
            *old = known;
            return Told::Stored;
        }
        let more = shard.growth() + known.boxed_bytes();
        if more > 0 && self.bytes() + more > self.limit {
            match when_full {
                WhenFull::Skip => return Told::NoRoom,
                WhenFull::Evict => self.make_room(&mut shard, known.boxed_bytes()),
            }
        }
        self.enter(&known);
        self.resizing(&mut shard, |shard| shard.insert(hash, known, &|code| self.hash(code)));
        Told::Stored
    }

    /// The codes that were last seen before this load.
    pub fn unseen(&self, load: u32) -> Vec<Code> {
        let mut codes = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            codes.extend(shard.iter().filter(|known| known.seen < load).filter_map(|known| known.code));
        }
        codes
    }

    /// Forgets everything that was last seen before this load: it is published no more.
    pub fn sweep(&self, load: u32) -> usize {
        let mut swept = 0;
        for shard in &self.shards {
            let keep = |known: &Known| {
                let keep = known.seen >= load;
                if !keep {
                    self.leave(known);
                    swept += 1;
                }
                keep
            };
            self.resizing(&mut shard.write(), |shard| shard.retain(keep, &|code| self.hash(code)));
        }
        swept
    }

    /// Visits everything, a shard at a time, as entries.
    pub fn each(&self, mut visit: impl FnMut(&Entry)) {
        for shard in &self.shards {
            let entries: Vec<Entry> = shard.read().iter().map(Known::to_entry).collect();
            entries.iter().for_each(&mut visit);
        }
    }

    /// How many links are in memory.
    pub fn links(&self) -> usize {
        self.links.load(Ordering::Relaxed)
    }

    /// How many bytes they take, empty places in the tables included.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many of them cannot be followed.
    pub fn unfollowable(&self) -> usize {
        self.unfollowable.load(Ordering::Relaxed)
    }

    /// How many were evicted to keep to the limit.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    fn enter(&self, known: &Known) {
        self.bytes.fetch_add(known.boxed_bytes(), Ordering::Relaxed);
        self.links.fetch_add(usize::from(known.link.is_some()), Ordering::Relaxed);
        self.unfollowable.fetch_add(usize::from(known.is_unfollowable()), Ordering::Relaxed);
    }

    fn leave(&self, known: &Known) {
        self.bytes.fetch_sub(known.boxed_bytes(), Ordering::Relaxed);
        self.links.fetch_sub(usize::from(known.link.is_some()), Ordering::Relaxed);
        self.unfollowable.fetch_sub(usize::from(known.is_unfollowable()), Ordering::Relaxed);
    }

    /// Keeps the account of what the shard's own table takes.
    fn resizing(&self, shard: &mut Slots, change: impl FnOnce(&mut Slots)) {
        let before = shard.bytes();
        change(shard);
        self.bytes.fetch_add(shard.bytes(), Ordering::Relaxed);
        self.bytes.fetch_sub(before, Ordering::Relaxed);
    }

    /// Evicts until the shard's table takes another entry without growing, and about as much boxed text is gone as
    /// will come. What somebody waits for is stored in any case, at worst a little over the limit.
    fn make_room(&self, shard: &mut Slots, boxed: usize) {
        while shard.growth() > 0 && self.evict(shard) {}
        for _ in 0..MAX_VICTIMS {
            if boxed == 0 || self.bytes() + boxed <= self.limit || !self.evict(shard) {
                return;
            }
        }
    }

    fn evict(&self, shard: &mut Slots) -> bool {
        let Some(victim) = shard.evict(&|code| self.hash(code)) else { return false };
        self.leave(&victim);
        self.evicted.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn hash(&self, code: &Code) -> u64 {
        self.hasher.hash_one(code.as_bytes())
    }
}

/// The hash's lower half chooses within the shard, so the upper one chooses the shard.
fn shard_of(hash: u64) -> usize {
    (hash >> 48) as usize % SHARDS
}

impl Known {
    /// The mark that a code was deleted.
    #[cfg(test)]
    pub(super) fn gone(code: Code, version: u64) -> Self {
        Self { code: Some(code), seen: 0, version, link: None }
    }

    /// The bytes it takes outside the table.
    fn boxed_bytes(&self) -> usize {
        self.link.as_ref().map_or(0, |link| {
            link.destination.as_ref().map_or(0, Template::boxed_bytes)
                + link.fallback.as_ref().map_or(0, |f| f.len())
        })
    }

    fn is_unfollowable(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.destination.is_none())
    }

    fn to_entry(&self) -> Entry {
        let link = self.link.as_ref().map(|link| Published {
            link: link.link,
            vendor: link.vendor,
            affiliate: link.affiliate,
            product: link.product,
            destination: link.destination.as_ref().map_or("", Template::as_str).to_owned(),
            fallback: link.fallback.as_deref().map(ToString::to_string),
            is_active: link.is_active,
            expires: (link.expires != NEVER).then_some(link.expires),
        });
        let code = self.code.map(|code| code.to_string()).unwrap_or_default();
        Entry { code, version: self.version, link }
    }
}

impl Link {
    fn from_published(published: Published) -> Self {
        let fallback = published.fallback.filter(|url| Template::compile(url).is_ok());
        Self {
            link: published.link,
            affiliate: published.affiliate,
            product: published.product,
            expires: published.expires.unwrap_or(NEVER),
            destination: Template::compile(&published.destination).ok(),
            fallback: fallback.map(|url| Box::new(url.into_boxed_str())),
            vendor: published.vendor,
            is_active: published.is_active,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn entry(code: &str, version: u64, to: Option<&str>) -> Entry {
        let link = to.map(|to| Published {
            link: LinkId(7),
            vendor: VendorId(2),
            affiliate: 5,
            product: 0,
            destination: to.to_owned(),
            fallback: None,
            is_active: true,
            expires: None,
        });
        Entry { code: code.to_owned(), version, link }
    }

    fn leads_to(table: &Table, code: &str) -> Option<String> {
        let sought = table.seek(table.aim(Code::new(code.as_bytes()).expect("a code")));
        let link = sought.known()?.link.as_ref()?;
        link.destination.as_ref().map(|d| d.as_str().to_owned())
    }

    #[test]
    fn the_newest_version_wins_in_any_order() {
        let table = Table::new(usize::MAX);
        let [one, two] = ["https://shop.example.com/1", "https://shop.example.com/2"];
        assert_eq!(table.tell(entry("demo", 2, Some(two)), 1, WhenFull::Skip), Told::Stored);
        assert_eq!(table.tell(entry("demo", 1, Some(one)), 1, WhenFull::Skip), Told::Old);
        assert_eq!(table.tell(entry("demo", 2, Some(one)), 1, WhenFull::Skip), Told::Old);
        assert_eq!(leads_to(&table, "demo").as_deref(), Some(two));
        assert_eq!(table.tell(entry("demo", 3, None), 1, WhenFull::Skip), Told::Stored);
        assert_eq!(
            table.tell(entry("demo", 2, Some(two)), 1, WhenFull::Skip),
            Told::Old,
            "a deleted link stays deleted"
        );
        assert_eq!((leads_to(&table, "demo"), table.links()), (None, 0));
        assert_eq!(table.tell(entry("no", 1, Some(one)), 1, WhenFull::Skip), Told::Bad);
    }

    #[test]
    fn a_sweep_forgets_what_the_load_did_not_see() {
        let table = Table::new(usize::MAX);
        for i in 0..100 {
            table.tell(entry(&format!("code{i}"), 1, Some("https://shop.example.com/")), 1, WhenFull::Skip);
        }
        for i in 0..50 {
            table.tell(entry(&format!("code{i}"), 1, Some("https://shop.example.com/")), 2, WhenFull::Skip);
        }
        assert_eq!((table.sweep(2), table.links()), (50, 50));
        assert_eq!((table.sweep(3), table.links(), table.bytes()), (50, 0, 0), "and gives back its memory");
    }

    #[test]
    fn a_destination_that_cannot_be_followed_is_counted() {
        let table = Table::new(usize::MAX);
        table.tell(entry("demo", 1, Some("javascript:alert(1)")), 1, WhenFull::Skip);
        assert_eq!((table.links(), table.unfollowable(), leads_to(&table, "demo")), (1, 1, None));
        table.tell(entry("demo", 2, Some("https://shop.example.com/")), 1, WhenFull::Skip);
        assert_eq!((table.links(), table.unfollowable()), (1, 0));
    }

    #[test]
    fn the_memory_limit_holds() {
        const LIMIT: usize = 1 << 20;
        let table = Table::new(LIMIT);
        let tell = |i: u64, when_full| {
            table.tell(entry(&format!("code{i}"), 1, Some("https://shop.example.com/")), 1, when_full)
        };
        (0..10_000).for_each(|i| _ = tell(i, WhenFull::Skip));
        let before = table.links();
        assert!(table.bytes() <= LIMIT && before > 2_000, "{before} links in {} bytes", table.bytes());
        (10_000..80_000).for_each(|i| _ = tell(i, WhenFull::Evict));
        assert!(
            table.bytes() <= LIMIT + SHARDS * 1024 && table.evicted() > 50_000,
            "{} evicted",
            table.evicted()
        );
        assert!(table.links() > 2_000, "evicting makes room, no more: {} links", table.links());
    }

    #[test]
    fn what_is_visited_can_be_told_again() {
        let table = Table::new(usize::MAX);
        let given = [entry("demo1", 4, Some("https://shop.example.com/{sub1}")), entry("demo2", 5, None)];
        for entry in &given {
            table.tell(entry.clone(), 1, WhenFull::Skip);
        }
        let mut seen = Vec::new();
        table.each(|e| seen.push(e.clone()));
        seen.sort_by(|a, b| a.code.cmp(&b.code));
        assert_eq!(seen, given);
    }
}
