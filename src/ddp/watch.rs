//! Looks for one text in a stream of bytes, over every split, and keeps no byte of the stream to do so.
//!
//! Between two pieces only a number is kept: how many of the text's first bytes the stream ended with. Those bytes are the
//! text's own, so the text itself tells all that must be known of them.

use memchr::{memchr_iter, memmem, memrchr_iter};

/// Up to so many bytes are looked through by the text's first byte: to prepare a searcher costs more than to go through a message.
const SHORT: usize = 2048;

/// Does a piece hold the whole of a text, which is not empty?
pub(in crate::ddp) fn holds(piece: &[u8], text: &[u8]) -> bool {
    if piece.len() > SHORT {
        return memmem::find(piece, text).is_some();
    }
    text.first()
        .is_some_and(|first| memchr_iter(*first, piece).any(|at| piece[at..].starts_with(text)))
}

/// How far the end of a stream agrees with the beginning of the text looked for.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ddp) struct Watch {
    agreed: usize,
}

impl Watch {
    /// Goes on with the next piece of the stream; true when it completes the text. The text must be the same every time.
    pub(in crate::ddp) fn sees(&mut self, text: &[u8], piece: &[u8]) -> bool {
        let inside = holds(piece, text);
        self.sees_across(text, piece) || inside
    }

    /// As [`Watch::sees`], for a piece that does not hold the whole text.
    pub(in crate::ddp) fn sees_across(&mut self, text: &[u8], piece: &[u8]) -> bool {
        let Some(&last) = piece.last() else {
            return false;
        };
        let found = self.completes(text, piece);
        // Most pieces end with a bracket, which is in none of the texts that are looked for.
        self.agreed = memrchr_iter(last, &text[..text.len().saturating_sub(1)])
            .map(|at| at + 1)
            .find(|&length| self.ends_with(text, piece, length))
            .unwrap_or(0);
        found
    }

    /// Does a beginning in earlier pieces come to its end in this one? Every end of what agreed may be one.
    fn completes(self, text: &[u8], piece: &[u8]) -> bool {
        let agreed = &text[..self.agreed];
        (0..agreed.len()).any(|start| {
            let begun = &agreed[start..];
            text.strip_prefix(begun)
                .is_some_and(|rest| piece.starts_with(rest))
        })
    }

    /// Are the last `length` bytes of the stream, this piece included, the first of the text?
    fn ends_with(self, text: &[u8], piece: &[u8], length: usize) -> bool {
        let wanted = &text[..length];
        let Some(earlier) = length.checked_sub(piece.len()) else {
            return piece.ends_with(wanted);
        };
        let (before, here) = wanted.split_at(earlier);
        text[..self.agreed].ends_with(before) && here == piece
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_found_over_every_split_and_only_where_it_is(
            text in "[ab]{1,6}",
            stream in "[ab]{0,40}",
            cuts in prop::collection::vec(0usize..5, 1..60),
        ) {
            let mut watch = Watch::default();
            let mut rest = stream.as_bytes();
            let mut passed = 0;
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                rest = behind;
                let before = passed;
                passed += piece.len();
                let ends_here = (before + 1..=passed)
                    .any(|end| stream.as_bytes()[..end].ends_with(text.as_bytes()));
                prop_assert_eq!(watch.sees(text.as_bytes(), piece), ends_here);
            }
        }

        #[test]
        fn a_text_is_found_in_short_pieces_and_long_ones(
            text in "[ab]{1,6}",
            before in "[ab]{0,12}",
            filling in prop_oneof![Just(0), Just(SHORT)],
            behind in "[ab]{0,12}",
        ) {
            let piece = format!("{before}{}{behind}", "-".repeat(filling));
            prop_assert_eq!(holds(piece.as_bytes(), text.as_bytes()), piece.contains(&text));
        }
    }
}
