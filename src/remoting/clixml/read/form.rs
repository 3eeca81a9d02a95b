//! The written forms of numbers, dates, durations and versions, which are kept as they are written once they are sound.

pub(super) fn is_float(text: &str) -> bool {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    matches!(text, "INF" | "-INF" | "NaN") || plain && text.parse::<f64>().is_ok()
}

pub(super) fn is_decimal(text: &str) -> bool {
    is_float(text) && text.bytes().all(|byte| !byte.is_ascii_alphabetic())
}

pub(super) fn is_version(text: &str) -> bool {
    (2..=4).contains(&text.split('.').count())
        && text
            .split('.')
            .all(|part| is_digits(part) && part.parse::<i32>().is_ok())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `2011-01-25T15:07:07.0000001` with `Z`, an offset, or neither.
pub(super) fn is_date_time(text: &str) -> bool {
    let Some((head, tail)) = text.split_at_checked(19) else {
        return false;
    };
    let in_range = |from: usize, range: std::ops::RangeInclusive<u8>| {
        let digits = head.get(from..from + 2).filter(|digits| is_digits(digits));
        digits
            .and_then(|digits| digits.parse().ok())
            .is_some_and(|number| range.contains(&number))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let zone = match tail.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => tail,
    };
    let offset = zone
        .strip_prefix(['+', '-'])
        .and_then(|offset| offset.split_once(':'));
    marks.iter().all(|(at, mark)| head.as_bytes()[*at] == *mark)
        && head.get(..4).is_some_and(is_digits)
        && in_range(5, 1..=12)
        && in_range(8, 1..=31)
        && in_range(11, 0..=24)
        && in_range(14, 0..=59)
        && in_range(17, 0..=60)
        && tail != "."
        && (matches!(zone, "" | "Z")
            || offset.is_some_and(|(hours, minutes)| {
                [hours, minutes]
                    .iter()
                    .all(|part| part.len() == 2 && is_digits(part))
            }))
}

/// `P9DT16H36M5.0704842S`, parts left out and a sign in front allowed (XML Schema 2, 3.2.6).
pub(super) fn is_duration(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let Some(text) = text.strip_prefix('P') else {
        return false;
    };
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    !text.is_empty()
        && time != Some("")
        && has_parts(date, "YMD")
        && time.is_none_or(|time| has_parts(time, "HMS"))
}

/// Says whether `text` is numbers, each followed by one of `units`, in their order.
fn has_parts(text: &str, units: &str) -> bool {
    let mut rest = text;
    for unit in units.chars() {
        let Some((number, behind)) = rest.split_once(unit) else {
            continue;
        };
        let sound = match number.split_once('.') {
            Some((whole, fraction)) => unit == 'S' && is_digits(whole) && is_digits(fraction),
            None => is_digits(number),
        };
        if !sound {
            return false;
        }
        rest = behind;
    }
    rest.is_empty()
}
