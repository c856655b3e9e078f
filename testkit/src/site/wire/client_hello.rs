//! The TLS ClientHello, field by field.
//!
//! Read by hand: the parsers in the registry stop at the names of the extensions that tell browsers apart (ALPS, ECH,
//! certificate compression, key shares).

use serde::Serialize;

use super::ja::{self, GREASE, is_grease};
use super::reader::{Reader, u16s};

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const COMPRESS_CERTIFICATE: u16 = 27;
const RECORD_SIZE_LIMIT: u16 = 28;
const DELEGATED_CREDENTIALS: u16 = 34;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const SUPPORTED_VERSIONS: u16 = 43;
const PSK_MODES: u16 = 45;
const KEY_SHARE: u16 = 51;
const ALPS_OLD: u16 = 17513;
const ALPS_NEW: u16 = 17613;
const ENCRYPTED_CLIENT_HELLO: u16 = 65037;

/// A ClientHello as it was on the wire. Lists keep their order; each GREASE value stands in its place as [`GREASE`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ClientHello {
    /// JA4, such as `t13d1516h2_8daaf6152771_d8a2da3f94cd`.
    pub ja4: String,
    /// JA4 before hashing.
    pub ja4_r: String,
    /// JA3 before hashing. Differs from one connection to the next for a client that permutes its extensions.
    pub ja3: String,
    /// JA3: the MD5 of [`ja3`](Self::ja3).
    pub ja3_hash: String,
    /// The version field of the message itself: 0x0303 for TLS 1.2 and 1.3 alike.
    pub legacy_version: u16,
    /// Length of the legacy session id in bytes.
    pub session_id_length: usize,
    /// Cipher suites.
    pub ciphers: Vec<u16>,
    /// Compression methods: one zero, for anything of today.
    pub compression_methods: Vec<u8>,
    /// Extension numbers.
    pub extensions: Vec<u16>,
    /// Server name indication.
    pub sni: Option<String>,
    /// Application protocols offered, the preferred first.
    pub alpn: Vec<String>,
    /// Named groups.
    pub groups: Vec<u16>,
    /// Elliptic curve point formats.
    pub point_formats: Vec<u8>,
    /// Signature algorithms.
    pub signature_algorithms: Vec<u16>,
    /// TLS versions offered.
    pub supported_versions: Vec<u16>,
    /// Key shares sent along.
    pub key_shares: Vec<KeyShare>,
    /// Pre-shared key exchange modes.
    pub psk_modes: Vec<u8>,
    /// Application-layer protocol settings, as Chromium sends them.
    pub alps: Option<Alps>,
    /// Certificate compression algorithms: 1 zlib, 2 brotli, 3 zstd.
    pub cert_compression: Vec<u16>,
    /// Record size limit in bytes, as Firefox sends it.
    pub record_size_limit: Option<u16>,
    /// Signature algorithms for delegated credentials, as Firefox sends them.
    pub delegated_credentials: Vec<u16>,
    /// Whether an encrypted ClientHello, or GREASE in its place, is there.
    pub has_ech: bool,
    /// Length of the TLS 1.2 session ticket: `Some(0)` when one is asked for, more when one is shown.
    pub session_ticket: Option<usize>,
    /// Whether a TLS 1.3 session is offered for resumption.
    pub pre_shared_key: bool,
    /// Extensions whose content could not be read.
    pub unreadable_extensions: Vec<u16>,
}

/// One key share of a ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KeyShare {
    /// Named group.
    pub group: u16,
    /// Length of the key in bytes.
    pub length: usize,
}

/// The ALPS extension of a ClientHello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alps {
    /// 17513, the old number, or 17613, the new one.
    pub code_point: u16,
    /// Protocols it speaks of.
    pub protocols: Vec<String>,
}

impl ClientHello {
    /// Reads TLS records from the first byte of a connection. `Ok(None)`: more bytes are needed.
    pub(super) fn from_records(bytes: &[u8]) -> Result<Option<Self>, String> {
        let mut records = Reader::new(bytes);
        let mut handshake = Vec::new();
        loop {
            let Some(kind) = records.u8() else { return Ok(None) };
            if kind != 22 {
                return Err(format!("the first TLS record is of type {kind}, not a handshake"));
            }
            let Some(fragment) = records.u16().and_then(|_version| records.vec16()) else {
                return Ok(None);
            };
            handshake.extend_from_slice(fragment);
            let mut message = Reader::new(&handshake);
            match message.u8() {
                Some(1) | None => {}
                Some(kind) => return Err(format!("the first TLS handshake message is of type {kind}")),
            }
            if let Some(body) = message.u24().and_then(|length| message.take(length)) {
                return Self::from_message(body)
                    .map(Some)
                    .ok_or_else(|| "the ClientHello is cut short".to_owned());
            }
        }
    }

    fn from_message(body: &[u8]) -> Option<Self> {
        let mut message = Reader::new(body);
        let mut hello = Self {
            legacy_version: message.u16()?,
            ..Self::default()
        };
        message.take(32)?;
        hello.session_id_length = message.vec8()?.len();
        hello.ciphers = normalised(message.vec16()?)?;
        hello.compression_methods = message.vec8()?.to_vec();
        if !message.is_empty() {
            let mut extensions = Reader::new(message.vec16()?);
            while !extensions.is_empty() {
                let (id, content) = (extensions.u16()?, extensions.vec16()?);
                hello.extensions.push(normal(id));
                if hello.read_extension(id, content).is_none() {
                    hello.unreadable_extensions.push(id);
                }
            }
        }
        hello.ja3 = ja::ja3(&hello);
        hello.ja3_hash = ja::md5_hex(&hello.ja3);
        (hello.ja4, hello.ja4_r) = ja::ja4(&hello);
        Some(hello)
    }

    fn read_extension(&mut self, id: u16, content: &[u8]) -> Option<()> {
        let mut reader = Reader::new(content);
        match id {
            SERVER_NAME if !content.is_empty() => {
                reader.take(3)?;
                self.sni = Some(text(reader.vec16()?));
            }
            SUPPORTED_GROUPS => self.groups = normalised(reader.vec16()?)?,
            POINT_FORMATS => self.point_formats = reader.vec8()?.to_vec(),
            SIGNATURE_ALGORITHMS => self.signature_algorithms = normalised(reader.vec16()?)?,
            ALPN => self.alpn = protocols(reader.vec16()?)?,
            ALPS_OLD | ALPS_NEW => {
                self.alps = Some(Alps {
                    code_point: id,
                    protocols: protocols(reader.vec16()?)?,
                });
            }
            COMPRESS_CERTIFICATE => self.cert_compression = u16s(reader.vec8()?)?,
            RECORD_SIZE_LIMIT => self.record_size_limit = Some(reader.u16()?),
            DELEGATED_CREDENTIALS => self.delegated_credentials = u16s(reader.vec16()?)?,
            SESSION_TICKET => self.session_ticket = Some(content.len()),
            PRE_SHARED_KEY => self.pre_shared_key = true,
            SUPPORTED_VERSIONS => self.supported_versions = normalised(reader.vec8()?)?,
            PSK_MODES => self.psk_modes = reader.vec8()?.to_vec(),
            KEY_SHARE => {
                let mut shares = Reader::new(reader.vec16()?);
                while !shares.is_empty() {
                    let (group, length) = (normal(shares.u16()?), shares.vec16()?.len());
                    self.key_shares.push(KeyShare { group, length });
                }
            }
            ENCRYPTED_CLIENT_HELLO => self.has_ech = true,
            _ => {}
        }
        Some(())
    }
}

fn normal(value: u16) -> u16 {
    if is_grease(value) { GREASE } else { value }
}

fn normalised(bytes: &[u8]) -> Option<Vec<u16>> {
    Some(u16s(bytes)?.into_iter().map(normal).collect())
}

fn protocols(bytes: &[u8]) -> Option<Vec<String>> {
    let mut reader = Reader::new(bytes);
    let mut names = Vec::new();
    while !reader.is_empty() {
        names.push(text(reader.vec8()?));
    }
    Some(names)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
#[path = "client_hello_tests.rs"]
mod tests;
