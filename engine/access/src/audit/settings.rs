//! `audit/settings.yaml`: when the log goes on in a new segment, and how long records are kept.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use bytesize::ByteSize;
use jiff::SignedDuration;
use sluis_yaml::{Diagnostics, Fields};

use super::AuditError;
use crate::config::parsed;

const KNOWN: &[&str] = &["format", "segment-size", "segment-age", "retention"];

/// The settings; those of a site without the file if it says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Settings {
    /// A segment that has as many bytes is closed.
    pub segment_size: ByteSize,
    /// A segment whose first record is as old is closed.
    pub segment_age: Days,
    /// Records that are older may be removed; none if `None`.
    pub retention: Option<Retention>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { segment_size: ByteSize::mib(64), segment_age: Days(30), retention: None }
    }
}

/// A number of days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub(super) struct Days(u32);

impl Days {
    pub(super) fn duration(self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.0))
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = text.strip_suffix(" days").and_then(|number| number.parse().ok()).filter(|days| *days > 0);
        days.map(Self).ok_or_else(|| format!("`{text}` is not a number of days, such as `30 days`"))
    }
}

/// How long records are kept: a year or longer, as Article 73 of the European Health Data Space Regulation has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Retention(pub Days);

impl FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days: Days = text.parse()?;
        // The longest year.
        if days < Days(366) {
            return Err(format!("the audit log is kept for a year or longer (EHDS, Art. 73): 366 days, not {text}"));
        }
        Ok(Self(days))
    }
}

/// Where the settings are.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("settings.yaml")
}

/// Reads the settings.
pub(super) fn read(folder: &Path) -> Result<Settings, AuditError> {
    let (path, default) = (path(folder), Settings::default());
    if !path.exists() {
        return Ok(default);
    }
    let mut problems = Diagnostics::default();
    let node = sluis_yaml::read(&path, &mut problems);
    let fields = node.as_ref().and_then(|node| Fields::of(node, "the audit log's settings", &mut problems));
    let settings = fields.map(|fields| {
        fields.check_known(KNOWN, &mut problems);
        if fields.required_string("format", &mut problems).is_some_and(|format| format != "1") {
            problems.error(fields.span(), "this version of sluis reads settings of format 1");
        }
        Settings {
            segment_size: optional(fields, "segment-size", &mut problems).unwrap_or(default.segment_size),
            segment_age: optional(fields, "segment-age", &mut problems).unwrap_or(default.segment_age),
            retention: optional(fields, "retention", &mut problems),
        }
    });
    match settings {
        Some(settings) if !problems.has_errors() => Ok(settings),
        _ => Err(AuditError::Settings(problems)),
    }
}

fn optional<T: FromStr<Err: std::fmt::Display>>(
    fields: Fields<'_>,
    key: &str,
    problems: &mut Diagnostics,
) -> Option<T> {
    fields.get(key)?;
    parsed(fields, key, problems)
}
