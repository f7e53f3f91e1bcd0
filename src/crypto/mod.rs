//! Stub of the cryptography until the real module lands (see SIGNATURES.rs).
/// MAC of NFS file handles.
#[derive(Debug)]
pub struct HandleMac;
impl HandleMac {
    /// 16 bytes of MAC.
    #[must_use]
    pub fn mac(&self, bytes: &[u8]) -> [u8; 16] {
        let _ = bytes;
        [0; 16]
    }
    /// Constant-time check.
    #[must_use]
    pub fn verify(&self, bytes: &[u8], mac: &[u8]) -> bool {
        self.mac(bytes) == mac
    }
}
