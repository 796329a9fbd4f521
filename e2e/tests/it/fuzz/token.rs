//! A click token, as a shop sends it back.

use std::sync::LazyLock;

use common::secret::Master;
use common::token::{Keyring, Refused, TOKEN_CHARS, decode_unverified};

static KEYS: LazyLock<Keyring> = LazyLock::new(|| {
    let master = Master::from_bytes(&std::array::from_fn::<u8, 32, _>(|n| n as u8)).expect("32 bytes");
    Keyring::new(&master, &"1:retired,2:active,3:revoked".parse().expect("keys"))
});

/// Whatever is accepted was signed by us, and is the only spelling of what it says.
pub(crate) fn run(bytes: &[u8]) {
    let claimed = decode_unverified(bytes);
    match KEYS.verify(bytes) {
        Ok(click) => {
            assert_eq!(claimed.as_ref(), Ok(&click), "both readers read the same");
            let ours = KEYS.signer().sign(&click);
            // What stands in it is the key that signed, too: key 1 signed some before it was retired.
            assert!(
                ours == bytes || bytes[..3] != ours[..3],
                "signed by the active key, and spelled otherwise"
            );
        }
        Err(Refused::Length) => assert_ne!(bytes.len(), TOKEN_CHARS),
        Err(_) => {}
    }
    if let Ok(click) = claimed {
        let signed = KEYS.signer().sign(&click);
        assert_eq!(KEYS.verify(&signed), Ok(click), "what was read can be signed and read again");
    }
}
