//! What a shopper's connection says, from its first byte to its last.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use common::ids::{LinkId, Partitions, VendorId};
use common::link::{Entry, Published};
use common::secret::Master;
use common::token::{KeyStates, Keyring};
use common::traffic::Classifier;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use redirector::catalog::{Catalog, CatalogConfig, WhenFull};
use redirector::handler::{Proxies, Shared, Step, Worker};
use redirector::journal::{Journal, JournalConfig};
use redirector::store::Store;
use runtime::admin::AdminConfig;
use runtime::{Admin, Shutdown, clock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::journal;

thread_local! {
    static EDGE: Edge = Edge::new();
}

/// An edge's worker without the world around it: two links, a journal, and a Redis that is never there.
struct Edge {
    worker: Rc<Worker>,
    journal: Arc<Journal>,
    runtime: tokio::runtime::Runtime,
    _admin: Admin,
    _folder: tempfile::TempDir,
}

/// Every answer is one that the edge gives, every redirect leads to the shop, and exactly what carries a token is in
/// the journal.
pub(crate) fn run(bytes: &[u8]) {
    EDGE.with(|edge| {
        let before = edge.recorded();
        let said = edge.runtime.block_on(edge.answer(bytes));
        let said = String::from_utf8_lossy(&said);
        let mut tokens = BTreeSet::new();
        for line in said.lines() {
            if let Some(rest) = line.strip_prefix("HTTP/1.").filter(|_| !line.contains('<')) {
                let status = rest.get(2..5).unwrap_or_default();
                let known = ["200", "302", "400", "404", "405", "410", "413", "414", "431", "503"];
                assert!(known.contains(&status), "{line:?} to {:?}", String::from_utf8_lossy(bytes));
            }
            if let Some(location) = line.strip_prefix("location: ") {
                assert!(location.starts_with("https://shop.example.com/"), "{location}");
                tokens.extend(
                    location.split("clk=").nth(1).map(|rest| rest.get(..64).unwrap_or(rest).to_owned()),
                );
            }
        }
        let recorded = edge.recorded() - before;
        assert_eq!(recorded, tokens.len() as u64, "to {:?}: {said}", String::from_utf8_lossy(bytes));
    });
}

impl Edge {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let master = Master::from_bytes(&std::array::from_fn::<u8, 32, _>(|n| n as u8)).expect("32 bytes");
        let config = JournalConfig { segment_bytes: 1 << 20, ..journal::config(folder.path()) };
        let (journal, mut writers) =
            Journal::open(config, 1, clock::now_us() / 1_000_000).expect("a journal");
        let config = CatalogConfig {
            store: Store::parse("redis://127.0.0.1:1").expect("an address"),
            memory_bytes: 1 << 20,
            snapshot: None,
            snapshot_interval: Duration::from_hours(1),
            partitions: Partitions::STANDALONE,
        };
        let shutdown = Shutdown::new();
        let port = AdminConfig {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            service: "redirector",
            version: "0",
            buckets: &[],
        };
        let admin = Admin::start(&port, &shutdown).expect("an admin port");
        let (catalog, _threads) =
            Catalog::start(config, admin.check("catalog"), &shutdown, &CancellationToken::new())
                .expect("a catalog");
        for (code, id, is_active) in [("demo1", 1, true), ("ended", 2, false)] {
            let link = Published {
                link: LinkId(id),
                vendor: VendorId(1),
                affiliate: 1,
                product: 0,
                destination: "https://shop.example.com/{sub1}?s={source}&d={device}".to_owned(),
                fallback: None,
                is_active,
                expires: None,
            };
            let entry = Entry { code: code.to_owned(), version: 1, link: Some(link) };
            catalog.table.tell(entry, 0, WhenFull::Skip);
        }
        let signer = Keyring::new(&master, &KeyStates::default()).signer();
        let shared = Shared {
            catalog,
            journal: journal.clone(),
            master,
            classifier: Classifier::new(),
            proxies: Proxies::default(),
            countries: None,
        };
        let worker = Worker::new(Arc::new(shared), signer, writers.remove(0), Arc::default());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Self { worker: Rc::new(worker), journal, runtime, _admin: admin, _folder: folder }
    }

    fn recorded(&self) -> u64 {
        self.journal.logs().iter().map(|log| log.claimed()).sum()
    }

    /// Everything that comes back until the connection is over.
    async fn answer(&self, bytes: &[u8]) -> Vec<u8> {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let serve = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            let step = self.worker.answer(&request, IpAddr::V4(Ipv4Addr::LOCALHOST));
            let reply = match step {
                Step::Done(reply) | Step::Sync(_, reply) => {
                    reply.into_response(request.into_parts().0.headers)
                }
                Step::Miss(_) => {
                    let mut nothing = hyper::Response::default();
                    *nothing.status_mut() = hyper::StatusCode::NOT_FOUND;
                    nothing
                }
            };
            std::future::ready(Ok::<_, Infallible>(reply))
        });
        let mut builder = http1::Builder::new();
        // As the edge has it, but for what it does when a client stops speaking: here it still hears the answers.
        builder.header_read_timeout(None).writev(false).max_buf_size(16 * 1024).half_close(true);
        let connection = builder.serve_connection(TokioIo::new(server), serve);
        let talk = async {
            // More than the server cares to read is not read.
            let _ended_early = client.write_all(bytes).await;
            let _ended_early = client.shutdown().await;
            let mut said = Vec::new();
            client.read_to_end(&mut said).await.expect("memory can be read");
            said
        };
        let (_how_it_ended, said) = tokio::join!(connection, talk);
        said
    }
}
