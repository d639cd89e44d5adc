//! Names and ids. Each is its own type, so that a region is never taken for a component.

use serde::{Deserialize, Serialize};
use std::{fmt, io};

/// Longest name or id accepted anywhere, in bytes.
pub const NAME_BYTES_MAX: usize = 253;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a text that has been checked by its reader.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text of the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(/** A component of the catalog, by its Backstage `metadata.name`. */ ComponentName);
name!(/** An environment, such as `staging` or `production`. */ EnvironmentName);
name!(/** A region or zone of an environment. */ RegionName);
name!(/** A target: one component in one environment. */ TargetName);
name!(/** A change, by its `metadata.name`. */ ChangeName);
name!(/** A runbook, by its `metadata.name`. */ RunbookName);
name!(/** An owner reference as Backstage writes it: `group:default/payments-team`. */ OwnerRef);
name!(/** A version as raw text: `4.10` stays `4.10`. */ Version);
name!(/** One host or replica of a target, as the deploy command is to be told. */ HostName);
name!(/** A step of a plan: a readable path, stable over child plans, such as `production/payments/eu-west/stage-1/shift`. */ StepId);
name!(/** A fan-out of a plan. */ GroupName);
name!(/** A resource that runs claim: a target, or anything else that has a name. */ ResourceName);
name!(/** An event outside that a run waits for. */ EventName);
name!(/** A plan: the SHA-256 of its body's bytes, 64 hexadecimal digits. */ PlanId);
name!(/** A run: one execution of a plan, `run-` and 12 characters. */ RunId);
name!(/** SHA-256 of some bytes, 64 hexadecimal digits. */ Digest);

/// Hexadecimal digits of a digest that people are shown.
const DIGEST_SHOWN: usize = 12;

/// A version as people read it: a digest in it is cut to its first digits, `1.4.0@sha256:1f0e2d3c4b5a…`. Commands take it whole.
pub fn version_shown(version: &str) -> std::borrow::Cow<'_, str> {
    let Some(from) = version.find("sha256:").map(|at| at + "sha256:".len()) else { return version.into() };
    let digits = version[from..].bytes().take_while(u8::is_ascii_hexdigit).count();
    if digits <= DIGEST_SHOWN {
        return version.into();
    }
    format!("{}…{}", &version[..from + DIGEST_SHOWN], &version[from + digits..]).into()
}

/// Longest version accepted anywhere, in bytes.
pub const VERSION_BYTES_MAX: usize = 256;
/// What a version may be made of, for whoever is told that a text is none.
pub const VERSION_FORM: &str =
    "up to 256 letters, digits and `.`, `_`, `+`, `-`, `:`, `@`, `/`, beginning with a letter, a digit or `_`, without `..`";

/// Whether a text is one word of a command in every shell and no option: letters, digits and `marks`, of which only `first` may begin it.
fn is_plain_word(text: &str, marks: &str, first: &str, bytes_max: usize) -> bool {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    text.len() <= bytes_max && text.chars().all(is_usual) && text.starts_with(|c: char| c.is_ascii_alphanumeric() || first.contains(c))
}

/// Whether a host's name can be put into a command or a path as it is: what fills `{host}` is a name and never a second command, nor an option.
pub fn is_host_name(text: &str) -> bool {
    is_plain_word(text, "._-:/@[]", "[_", NAME_BYTES_MAX)
}

/// Whether a text is a version. What files declare and what hosts answer fills `{version}` and `{from}` in commands, perhaps within a shell's text, so
/// that it must be a word and never a second command, an option or a path that climbs.
pub fn is_version(text: &str) -> bool {
    is_plain_word(text, "._+-:@/", "_", VERSION_BYTES_MAX) && !text.contains("..")
}

impl ResourceName {
    /// The resource that is a target.
    pub fn of_target(target: &TargetName) -> Self {
        Self(target.0.clone())
    }
}

impl PlanId {
    /// The short form shown to people: the first twelve digits.
    pub fn short(&self) -> &str {
        self.as_str().get(..12).unwrap_or(self.as_str())
    }
}

impl Digest {
    /// The SHA-256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(hex::encode(sha2::Sha256::digest(bytes)))
    }

    /// The digest of `value` as compact JSON, of which only a part is in memory at a time: plans of thousands of steps have tens of megabytes.
    ///
    /// # Errors
    /// The value has no JSON.
    pub fn of_json<T: Serialize>(value: &T) -> io::Result<Self> {
        use sha2::Digest as _;
        let mut writer = io::BufWriter::new(Hashing::default());
        serde_json::to_writer(&mut writer, value)?;
        let Hashing(hash) = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self(hex::encode(hash.finalize())))
    }
}

/// Takes bytes into a digest.
#[derive(Default)]
struct Hashing(sha2::Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        sha2::Digest::update(&mut self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether `text` may be a name: 1 to 253 bytes of letters, digits, `-`, `_`, `.`, beginning and ending with a letter or digit.
pub fn is_valid_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    text.len() <= NAME_BYTES_MAX
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::{is_host_name, is_version, version_shown};

    #[test]
    fn a_digest_is_cut_for_people_and_nothing_else_is() {
        let digest = "0123456789abcdef".repeat(4);
        for (version, shown) in [
            ("1.4.0".to_owned(), "1.4.0".to_owned()),
            (format!("1.4.0@sha256:{digest}"), "1.4.0@sha256:0123456789ab…".to_owned()),
            (format!("sha256:{digest} (old)"), "sha256:0123456789ab… (old)".to_owned()),
            ("sha256:0123".to_owned(), "sha256:0123".to_owned()),
            ("sha256:é".to_owned(), "sha256:é".to_owned()),
        ] {
            assert_eq!(version_shown(&version), shown);
        }
    }

    #[test]
    fn what_fills_commands_is_a_word_and_no_option() {
        let digest = format!("registry.example:5000/team/pay@sha256:{}", "0123456789abcdef".repeat(4));
        for version in ["1.0.0", "v4.12.0-rc.1+b", "2026-11-29T10:00", "_internal", "7", &digest, &"1".repeat(256)] {
            assert!(is_version(version), "{version}");
        }
        let (long, none) =
            ("1".repeat(257), ["", " ", "1 0", "1.0\n2.0", "1.0.0; touch x #", "--force", "$(id)", "`id`", "1'", "1\"", "1|2", "1>2"]);
        for text in none.into_iter().chain([
            long.as_str(),
            "../../etc",
            "1/../2",
            "/etc",
            "@file",
            ".",
            "1\\",
            "1*",
            "~",
            "{from}",
            "é",
            "1\u{200b}",
        ]) {
            assert!(!is_version(text), "{text}");
        }
        for host in ["pay-1", "user@b.example", "[2001:db8::1]:22", "_a"] {
            assert!(is_host_name(host), "{host}");
        }
        for text in ["", "--all", "a b", "a;b", "/a", "a+b"] {
            assert!(!is_host_name(text), "{text}");
        }
    }
}
