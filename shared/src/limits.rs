//! Every limit of the protocol, with its unit. The server enforces them, the client stays inside.

/// Largest number that JSON carries exactly: 2^53-1 (RFC 8259 section 6).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Largest body of one `PUT`, in bytes.
pub const CHUNK_BYTES_MAX: u32 = 8 * MIB;
/// Rows of one `PUT`: their bytes together may have no more than one chunk's.
pub const RUN_ROWS_MAX: usize = 64;
/// Smallest block that a plain client may ask for, in bytes.
pub const FIXED_BYTES_MIN: u32 = 64 * KIB;
/// Block of a plain client that asks for nothing, in bytes.
pub const FIXED_BYTES_DEFAULT: u32 = MIB;

/// `fastcdc-2020/1`: no chunk but a file's last is shorter, in bytes.
pub const FASTCDC_BYTES_MIN: u32 = 256 * KIB;
/// `fastcdc-2020/1`: the length that cuts aim at, in bytes.
pub const FASTCDC_BYTES_AVERAGE: u32 = MIB;
/// `fastcdc-2020/1`: no chunk is longer, in bytes.
pub const FASTCDC_BYTES_MAX: u32 = 4 * MIB;

/// Items of one request of a batch route.
pub const BATCH_ITEMS_MAX: usize = 1_000;
/// The JSON body of a batch route, in bytes.
pub const BATCH_JSON_BYTES_MAX: usize = 8 * MIB as usize;
/// The body of `POST /api/batch/upload`, heads of frames included, in bytes: what passes a chunk passes this.
pub const BATCH_BYTES_MAX: usize = CHUNK_BYTES_MAX as usize;
/// Longest chunk that a batch takes and a pack holds, in bytes: what is longer is worth a request and a file.
pub const PACKED_BYTES_MAX: u32 = FASTCDC_BYTES_MIN;

/// Rows that one `check` may declare.
pub const CHECK_ROWS_MAX: usize = 4_096;
/// Proofs that one `check` may carry: the chunks of each are read. Further rows are asked for a proof again.
pub const CHECK_PROOFS_MAX: usize = 256;
/// Rows of one session, hence chunks of one file.
pub const SESSION_ROWS_MAX: u32 = 10_000_000;
/// Pairs in one answer of `status`, for `received` and `missing` together.
pub const STATUS_PAIRS_MAX: usize = 10_000;
/// Items in one page of a listing.
pub const LIST_ITEMS_MAX: usize = 1_000;

/// A JSON body, unless the route says otherwise, in bytes.
pub const JSON_BYTES_MAX: usize = 64 * KIB as usize;
/// The JSON body of `check`, in bytes.
pub const CHECK_JSON_BYTES_MAX: usize = MIB as usize;
/// Paths in one `POST /api/folder`.
pub const FOLDER_PATHS_MAX: usize = 1_000;
/// The JSON body of `POST /api/folder`, in bytes. Each part of a path may become a row with all of the path above it in
/// its key: this keeps what one request writes within one frame of the log.
pub const FOLDER_JSON_BYTES_MAX: usize = 512 * KIB as usize;
/// Links of one file or folder. They are deleted with it, in one step: this keeps that within one frame of the log.
pub const LINKS_MAX: usize = 1_000;
/// Opaque `meta` of a session, in bytes of its JSON text.
pub const META_BYTES_MAX: usize = 4 * KIB as usize;

/// A name, or one part of a path, in bytes of UTF-8. NTFS, APFS and exFAT take 255 units of UTF-16, which are up to 765 bytes.
pub const NAME_BYTES_MAX: usize = 1_024;
/// A relative path, in bytes of UTF-8.
pub const PATH_BYTES_MAX: usize = 4_096;
/// Parts of a relative path.
pub const PATH_PARTS_MAX: usize = 64;
/// A media type, in bytes.
pub const MEDIA_TYPE_BYTES_MAX: usize = 127;

const KIB: u32 = 1_024;
const MIB: u32 = 1_024 * KIB;

const _: () = assert!(FASTCDC_BYTES_MIN < FASTCDC_BYTES_AVERAGE && FASTCDC_BYTES_AVERAGE < FASTCDC_BYTES_MAX);
const _: () = assert!(FASTCDC_BYTES_MAX <= CHUNK_BYTES_MAX);
const _: () = assert!(FIXED_BYTES_MIN <= FIXED_BYTES_DEFAULT && FIXED_BYTES_DEFAULT <= CHUNK_BYTES_MAX);
// The rows of one folder request together, and what a frame of the log holds (64 MiB).
const _: () = assert!(FOLDER_JSON_BYTES_MAX * (PATH_PARTS_MAX + 1) < 64 * MIB as usize);
// A row in JSON is `{"digest":"<64>","length":1234567},`: under 128 bytes, so a full `check` fits.
const _: () = assert!(CHECK_ROWS_MAX * 128 <= CHECK_JSON_BYTES_MAX);
