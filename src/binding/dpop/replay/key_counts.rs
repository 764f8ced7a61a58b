const ROWS: usize = 4;
const COLUMNS: usize = 256;

/// How many entries each holder has, in a count–min sketch of 4 KiB.
///
/// A count is never too low. It is too high only for a holder that shares a cell with others in every row, and the cells come from a hash
/// with a secret key. An exact table would need as much memory for each holder as the entries themselves.
pub(super) struct KeyCounts(Box<[[u32; COLUMNS]; ROWS]>);

/// Where a holder's counts are: a column for each row.
pub(super) type Columns = [u8; ROWS];

impl KeyCounts {
    pub(super) fn new() -> Self {
        Self(Box::new([[0; COLUMNS]; ROWS]))
    }

    pub(super) fn add(&mut self, columns: Columns) {
        for (row, column) in self.0.iter_mut().zip(columns) {
            let cell = &mut row[usize::from(column)];
            *cell = cell.saturating_add(1);
        }
    }

    pub(super) fn get(&self, columns: Columns) -> u32 {
        let cells = self.0.iter().zip(columns).map(|(row, column)| row[usize::from(column)]);
        cells.min().unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_too_high_only_if_every_cell_is_shared() {
        let mut counts = KeyCounts::new();
        let flood = [1, 2, 3, 255];
        (0..100).for_each(|_| counts.add(flood));
        counts.add([1, 2, 3, 4]);
        assert_eq!(counts.get(flood), 100);
        assert_eq!(counts.get([1, 2, 3, 4]), 1);
        assert_eq!(counts.get([255, 1, 2, 3]), 0, "the same cells of other rows");
        // Both have counted in the cells of this one.
        counts.add([7, 2, 3, 255]);
        assert_eq!(counts.get([7, 2, 3, 255]), 1);
        assert_eq!(counts.get([7, 2, 3, 4]), 1);
    }
}
