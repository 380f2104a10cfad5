//! Secret sharing after Shamir, byte by byte over GF(256): a secret becomes n shares, of which any t give it back and
//! fewer say nothing about it.
//!
//! Each byte is the value at 0 of a polynomial of degree t - 1 whose other coefficients are random; share x holds its
//! value at x. The field is that of AES, x^8 + x^4 + x^3 + x + 1. No step branches or looks up a table by a secret.

use zeroize::Zeroizing;

use crate::AccessError;

/// Splits a secret into `count` shares, any `threshold` of which give it back. Share `i` of the outcome is the value at
/// `i + 1`. The caller makes sure that `1 <= threshold <= count`.
pub(super) fn split(secret: &[u8], threshold: u8, count: u8) -> Result<Vec<Zeroizing<Vec<u8>>>, AccessError> {
    // The random coefficients of one degree after those of another, the secret first.
    let mut coefficients = vec![Zeroizing::new(secret.to_vec())];
    for _ in 1..threshold {
        let mut random = Zeroizing::new(vec![0; secret.len()]);
        super::fill_random(&mut random)?;
        coefficients.push(random);
    }
    let share = |x: u8| {
        let mut share = Zeroizing::new(vec![0; secret.len()]);
        for of_degree in coefficients.iter().rev() {
            for (value, coefficient) in share.iter_mut().zip(of_degree.iter()) {
                *value = multiply(*value, x) ^ coefficient;
            }
        }
        share
    };
    Ok((1..=count).map(share).collect())
}

/// The value at 0 of the polynomials through these points: the secret, if they are as many shares of it as it takes.
/// `None` if a share is for 0, there are two for the same place, or they have different lengths.
pub(super) fn combine(shares: &[(u8, &[u8])]) -> Option<Zeroizing<Vec<u8>>> {
    let length = shares.first()?.1.len();
    let mut secret = Zeroizing::new(vec![0; length]);
    for (at, (x, values)) in shares.iter().enumerate() {
        if *x == 0 || values.len() != length || shares[..at].iter().any(|(other, _)| other == x) {
            return None;
        }
        // The Lagrange polynomial of x at 0; in this field minus is plus.
        let others = shares.iter().map(|(other, _)| *other).filter(|other| other != x);
        let factor = others.fold(1, |factor, other| multiply(factor, multiply(other, inverse(other ^ x))));
        for (byte, value) in secret.iter_mut().zip(*values) {
            *byte ^= multiply(*value, factor);
        }
    }
    Some(secret)
}

/// The product in the field.
const fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut product, mut bit) = (a, 0, 0);
    while bit < 8 {
        // All ones if the bit of b is set, else zero.
        product ^= a & ((b >> bit) & 1).wrapping_neg();
        a = (a << 1) ^ (0x1b & (a >> 7).wrapping_neg());
        bit += 1;
    }
    product
}

/// The inverse in the field, a to the power of 254; 0 for 0.
const fn inverse(a: u8) -> u8 {
    let (mut power, mut inverse, mut bit) = (a, 1, 1);
    while bit < 8 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
        bit += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_field_is_that_of_aes() {
        // FIPS 197, section 4.2.
        assert_eq!((multiply(0x57, 0x83), multiply(0x57, 0x13)), (0xc1, 0xfe));
        assert!((1..=255).all(|a| multiply(a, inverse(a)) == 1));
        assert_eq!(inverse(0), 0);
    }

    proptest! {
        #[test]
        fn any_threshold_of_shares_gives_the_secret_back_and_fewer_another(
            secret in prop::collection::vec(any::<u8>(), 24..200),
            (threshold, chosen) in (2_u8..8).prop_flat_map(|threshold| {
                let all: Vec<u8> = (1..=12).collect();
                (Just(threshold), prop::sample::subsequence(all, usize::from(threshold)).prop_shuffle())
            }),
        ) {
            let shares = split(&secret, threshold, 12).unwrap();
            let chosen: Vec<_> = chosen.iter().map(|x| (*x, &**shares[usize::from(x - 1)])).collect();
            prop_assert_eq!(&**combine(&chosen).unwrap(), &*secret);
            prop_assert_ne!(&**combine(&chosen[1..]).unwrap(), &*secret);
        }
    }

    #[test]
    fn what_cannot_be_shares_of_one_secret_is_refused() {
        let shares = split(b"secret", 2, 3).unwrap();
        assert!(combine(&[]).is_none());
        assert!(combine(&[(1, &shares[0]), (1, &shares[0])]).is_none());
        assert!(combine(&[(0, &shares[0]), (1, &shares[1])]).is_none());
        assert!(combine(&[(1, &shares[0]), (2, &shares[1][1..])]).is_none());
    }

    /// Whatever the secret is, a byte of one share less than it takes is any byte, equally often.
    #[test]
    fn fewer_shares_say_nothing_of_the_secret() {
        for (secret, threshold) in [(0, 2), (0xa7, 2), (0xff, 3)] {
            let mut counts = [[0_u32; 256]; 2];
            let samples = 256 * 200;
            for share in split(&vec![secret; samples], threshold, 2).unwrap().iter().zip(&mut counts) {
                share.0.iter().for_each(|byte| share.1[usize::from(*byte)] += 1);
            }
            for counts in counts {
                // Chi-squared with 255 degrees of freedom: 255 on average, above 420 less than once in 10^9 times.
                let expected = samples as f64 / 256.0;
                let chi: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
                assert!(chi < 420.0, "{chi}");
            }
        }
    }
}
