//! Sets of small numbers, a bit for each: what is before what in graphs of thousands of nodes, where sets of names would take seconds.

/// Bits of a word.
const WORD: usize = u64::BITS as usize;

/// A set of numbers below some size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// The empty set of numbers below `size`.
    pub(crate) fn below(size: usize) -> Self {
        Self(vec![0; size.div_ceil(WORD)])
    }

    /// Adds a number; one that is not below the size is left out.
    pub(crate) fn insert(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / WORD) {
            *word |= 1 << (number % WORD);
        }
    }

    /// Takes a number out.
    pub(crate) fn remove(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / WORD) {
            *word &= !(1 << (number % WORD));
        }
    }

    pub(crate) fn contains(&self, number: usize) -> bool {
        self.0.get(number / WORD).is_some_and(|word| word & (1 << (number % WORD)) != 0)
    }

    /// Adds all numbers of a set of the same size; whether that added any.
    pub(crate) fn unite(&mut self, other: &Self) -> bool {
        let mut grew = false;
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            grew |= *word | more != *word;
            *word |= more;
        }
        grew
    }

    /// Takes out all numbers that are not in a set of the same size.
    pub(crate) fn intersect(&mut self, other: &Self) {
        for (word, kept) in self.0.iter_mut().zip(&other.0) {
            *word &= kept;
        }
    }

    /// The numbers in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let of_word = |(at, word): (usize, &u64)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.checked_sub(1)?;
                Some(at * WORD + bit)
            })
        };
        self.0.iter().enumerate().flat_map(of_word)
    }
}
