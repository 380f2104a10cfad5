//! Numbers for people.

/// A number of bytes, as `1.5 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A time, as `340 ms`, `12.3 s`, `4 min 05 s` or `3 h 02 min`.
pub(crate) fn time(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        60_000..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A number of cores, as `2` or `0.5`.
pub(crate) fn cores(thousandths: u64) -> String {
    let cores = thousandths as f64 / 1000.0;
    format!("{}", (cores * 100.0).round() / 100.0)
}

/// A part of something, as `42 %`; nothing of nothing.
pub(crate) fn percent(part: f64, whole: f64) -> Option<String> {
    (whole > 0.0).then(|| format!("{:.0} %", part / whole * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_fitting_units() {
        assert_eq!([0, 1023, 1024, 1 << 30, 3 << 29].map(bytes), ["0 B", "1023 B", "1.0 KiB", "1.0 GiB", "1.5 GiB"]);
        let times = [0, 999, 1000, 61_000, 3_600_000, 7_320_000].map(time);
        assert_eq!(times, ["0 ms", "999 ms", "1.0 s", "1 min 01 s", "1 h 00 min", "2 h 02 min"]);
        assert_eq!([1000, 500, 1333].map(cores), ["1", "0.5", "1.33"]);
        assert_eq!((percent(1.0, 0.0), percent(1.0, 3.0).as_deref()), (None, Some("33 %")));
    }
}
