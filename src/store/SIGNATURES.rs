// The store interface that other layers already call (exact names and types).
pub enum Sse { None, S3, Kms { key_id: Option<String> }, Customer { key: Secret32-or-bytes } }   // store::Sse; parse("s3"|"kms"|"kms:KEYID"|"customer"|"none"); facts for the header: SseFacts (serde) without the customer key
pub struct StoreOptions { pub url: StoreUrl, pub sse: Sse, pub credentials: StoreCredentials /* from env or config, never the URL */, pub concurrency.., pub timeout.. , pub fault hooks none }
pub struct StoreUrl; impl StoreUrl { pub fn parse(text:&str)->Result<Self,StoreError>; } Display without secrets
#[derive(Clone)] pub struct Store;
impl Store {
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError>;
    pub fn memory() -> Self;                                                     // tests
    pub fn from_operator(op: opendal::Operator, label: &str) -> Self;            // tests: fault layers
    pub fn operator(&self) -> &opendal::Operator;
    pub fn label(&self) -> &str;                                                 // shown to people, no secrets
    pub async fn create(&self, key: &str, body: impl Into<opendal::Buffer>) -> Result<(), StoreError>;   // if-absent; AlreadyExists; a lost answer is resolved by read-back
    pub async fn put(&self, key: &str, body: impl Into<opendal::Buffer>) -> Result<(), StoreError>;      // overwrite, one PUT
    /// compare-and-swap where the store can (etag), else read-compare-write
    pub async fn replace(&self, key: &str, expected: &[u8], body: Bytes) -> Result<(), StoreError>;      // Conflict if it changed
    pub async fn get(&self, key: &str, bytes_max: u64) -> Result<Bytes, StoreError>;
    pub async fn get_range(&self, key: &str, range: std::ops::Range<u64>) -> Result<Bytes, StoreError>;  // exactly that many bytes or an error
    pub async fn stat(&self, key: &str) -> Result<ObjectMeta, StoreError>;       // ObjectMeta { key: String, size: u64, modified: Option<Timestamp> }
    pub async fn delete(&self, keys: &[String]) -> Result<(), StoreError>;       // missing is fine
    pub async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, StoreError>; // recursive, objects only
    pub async fn is_empty(&self) -> Result<bool, StoreError>;
    pub async fn probe(&self) -> Result<ProbeReport, StoreError>;
}
pub struct StoreError { kind: StoreErrorKind, message } ; pub enum StoreErrorKind { NotFound, AlreadyExists, Conflict, Denied, Unavailable /* temporary */, Incapable /* cannot keep a promise; says what to change */, Invalid /* url, options */, NoSpace, Corrupt /* short body */ }
impl StoreError { pub fn kind(&self)->StoreErrorKind }
// meta::engines::slate
impl SlateEngine { pub async fn open(store: &Store, options: &SlateOptions) -> Result<Self, MetaError>; pub async fn open_read_only(store, options) -> Result<SlateReader, MetaError> }
