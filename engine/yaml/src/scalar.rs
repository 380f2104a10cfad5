//! What plain scalars mean (YAML 1.2.2, section 10.3, core schema).

use crate::Content;

/// The value of a plain scalar. The error says what is wrong with a number.
pub(crate) fn resolve(text: &str) -> Result<Content, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Content::Null),
        "true" | "True" | "TRUE" => return Ok(Content::Boolean(true)),
        "false" | "False" | "FALSE" => return Ok(Content::Boolean(false)),
        _ => {}
    }
    match integer(text) {
        Some(Ok(number)) => return Ok(Content::Integer(number)),
        // A decimal number beyond 64 bits is still a number; what needs a whole one will not take it.
        Some(Err(_)) if float(text).is_some() => {}
        Some(Err(why)) => return Err(why),
        None => {}
    }
    Ok(float(text).map_or_else(|| Content::String(text.to_owned()), Content::Float))
}

pub(crate) fn integer(text: &str) -> Option<Result<i64, String>> {
    let (digits, radix) = match (text.strip_prefix("0o"), text.strip_prefix("0x")) {
        (Some(digits), _) => (digits, 8),
        (_, Some(digits)) => (digits, 16),
        _ => (text, 10),
    };
    let unsigned = if radix == 10 { digits.strip_prefix(['-', '+']).unwrap_or(digits) } else { digits };
    if unsigned.is_empty() || !unsigned.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = i64::from_str_radix(digits, radix);
    Some(number.map_err(|_| format!("the number {text} does not fit into 64 bits; quote it if it is a text")))
}

pub(crate) fn float(text: &str) -> Option<f64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = match unsigned {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => f64::NAN,
        // Rust also reads `inf`, `nan` and `infinity`, which are texts.
        _ if unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
            && unsigned.contains(|character: char| character.is_ascii_digit()) =>
        {
            unsigned.parse().ok()?
        }
        _ => return None,
    };
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::Content;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for text in
            ["yes", "no", "on", "y", "nUll", "1_000", "0b1", "-0x1", "1e", ".e1", "inf", "nan", "1:30", "-", "+.nan"]
        {
            assert_eq!(resolve(text), Ok(Content::String(text.to_owned())), "{text}");
        }
        for (text, value) in [("0o17", 15), ("0xfF", 255), ("-12", -12), ("+3", 3), ("007", 7)] {
            assert_eq!(resolve(text), Ok(Content::Integer(value)), "{text}");
        }
        for (text, value) in
            [("1.", 1.0), (".5", 0.5), ("-1e3", -1000.0), ("+2.5E-1", 0.25), ("-.inf", f64::NEG_INFINITY)]
        {
            assert_eq!(resolve(text), Ok(Content::Float(value)), "{text}");
        }
        assert_eq!(resolve("~"), Ok(Content::Null));
        assert_eq!(resolve("TRUE"), Ok(Content::Boolean(true)));
        assert_eq!(resolve("9223372036854775808"), Ok(Content::Float(9_223_372_036_854_775_808.0)));
        assert!(resolve("0xfffffffffffffffff").is_err());
    }
}
