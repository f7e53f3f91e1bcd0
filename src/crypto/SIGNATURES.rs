// The crypto interface that other layers already call (exact names and types).

/// N secret bytes: locked memory, zeroized on drop, no Debug, no Clone, constant-time eq.
pub struct Secret<const N: usize>;
impl<const N: usize> Secret<N> {
    pub fn random(random: &dyn Random) -> Self;
    pub fn from_slice(bytes: &[u8]) -> Option<Self>;            // None if not exactly N
    pub fn init(fill: impl FnOnce(&mut [u8; N])) -> Self;
    pub fn expose(&self) -> &[u8; N];
    pub fn ct_eq(&self, other: &Self) -> bool;
}
/// What a person types. 8 characters or more, at most 1024 bytes, any bytes that are UTF-8.
pub struct Passphrase;
impl Passphrase { pub fn new(text: String /* zeroized */) -> Result<Self, PassphraseError>; pub fn expose(&self)->&[u8]; pub fn ct_eq(&self,&Self)->bool }
pub enum PassphraseError { TooShort, TooLong }
/// prctl(PR_SET_DUMPABLE,0), RLIMIT_CORE 0 where the OS allows; called once at process start.
pub fn harden_process() -> ();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordParams { pub memory_kib: u32, pub passes: u32, pub lanes: u32 }   // DEFAULT = 65536, 3, 4
/// base64(salt):base64(first 32 bytes)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretId;  impl SecretId { pub fn parse(&str)->Option<Self>; pub fn salt(&self)->&[u8;16]; pub fn ct_eq(..)->bool } impl Display
pub struct PasswordKeys { pub secret_id: SecretId, pub kek: Secret<32> }
pub fn derive_password(pass: &Passphrase, salt: &[u8; 16], params: PasswordParams) -> Result<PasswordKeys, PasswordError>; // bounds checked first

/// aes-256-gcm, or none (plaintext with an unkeyed 16-byte SHA-256 tag over binding and bytes, same overhead, so damage and swaps are still noticed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)] pub enum CipherSuite { Aes256Gcm, None }

pub struct KeyTree;     // one key epoch
impl KeyTree {
    pub fn new(suite: CipherSuite, volume: VolumeId, epoch: KeyEpoch, volume_key: &Secret<32>) -> Self;
    pub fn epoch(&self) -> KeyEpoch;
    pub fn segment(&self, id: SegmentId) -> SegmentCipher;
    pub fn records(&self) -> &RecordCipher;
    pub fn names(&self) -> &NameHasher;
    pub fn handles(&self) -> &HandleMac;
    pub fn header(&self) -> &HeaderMac;
}
/// All epochs of a volume that are still alive; the newest seals, any opens.
pub struct KeyRing;
impl KeyRing { pub fn new(current: KeyTree) -> Self; pub fn with_old(self, old: KeyTree) -> Self; pub fn current(&self)->&KeyTree; pub fn epoch(&self, e: KeyEpoch)->Option<&KeyTree> ; pub fn volume(&self)->VolumeId; pub fn suite(&self)->CipherSuite }

pub struct FrameBinding { pub volume: VolumeId, pub segment: SegmentId, pub frame: u32, pub codec: u8, pub plain_len: u32 }
pub const FRAME_OVERHEAD_BYTES: usize = 16;     // crypto::aead
pub const RECORD_OVERHEAD_BYTES: usize = 1 + 4 + 24 + 16; // version, epoch, nonce, tag
pub struct OpenError; // thiserror: "the bytes do not open under this key and binding"
impl SegmentCipher {
    /// Seals in place and appends the 16-byte tag. Nonce = frame index (96 bits, big-endian).
    pub fn seal(&self, at: &FrameBinding, buf: &mut Vec<u8>);
    /// Opens `sealed` (ciphertext ‖ tag) into a new buffer.
    pub fn open(&self, at: &FrameBinding, sealed: &[u8]) -> Result<Vec<u8>, OpenError>;
    /// The sealed directory: nonce = ff*4 ‖ 0*8 (no frame has it), AAD = "sealgate segment directory" ‖ volume ‖ segment ‖ footer bytes.
    pub fn seal_directory(&self, volume: VolumeId, segment: SegmentId, footer: &[u8], buf: &mut Vec<u8>);
    pub fn open_directory(&self, volume: VolumeId, segment: SegmentId, footer: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError>;
}
impl RecordCipher {
    /// version(1)=1 ‖ epoch(4) ‖ nonce(24) ‖ ciphertext ‖ tag(16); AAD = volume ‖ epoch ‖ key.
    pub fn seal(&self, key: &[u8], plain: &[u8], random: &dyn Random) -> Bytes;
    pub fn open(&self, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError>;
    /// The epoch a sealed record says it was sealed under (unverified, to pick the key).
    pub fn epoch_of(sealed: &[u8]) -> Result<KeyEpoch, OpenError>;
}
impl NameHasher { /// (HMAC-SHA256(name key, parent be64 ‖ name) first 8 bytes >> 1) & !0xF, and never below 0x10
    pub fn hash(&self, parent: InodeId, name: &FileName) -> u64; }
impl HandleMac { pub fn mac(&self, bytes: &[u8]) -> [u8; 16]; pub fn verify(&self, bytes: &[u8], mac: &[u8]) -> bool; }
impl HeaderMac { pub fn mac(&self, bytes: &[u8]) -> [u8; 32]; pub fn verify(..)->bool; }
pub struct SlotBinding { pub volume: VolumeId, pub epoch: KeyEpoch, pub slot: u32, pub kind: &'static str, pub kdf: Vec<u8> /* canonical bytes of the costs and salt */ }
/// wrap/unwrap of a volume key with AES-256-GCM under a KEK: 12-byte nonce ‖ 32 ‖ tag 16 = 60 bytes
pub fn wrap_key(kek: &Secret<32>, at: &SlotBinding, key: &Secret<32>, random: &dyn Random) -> [u8; 60];   // crypto::aead
pub fn unwrap_key(kek: &Secret<32>, at: &SlotBinding, wrapped: &[u8]) -> Result<Secret<32>, OpenError>;
