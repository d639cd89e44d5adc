//! How large a difference is: measures that do not depend on the number of points.

/// Sum over count, corrected once for rounding, as Commons Math does it. Not a number for no values.
pub fn mean(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let first = values.iter().sum::<f64>() / count;
    first + values.iter().map(|value| value - first).sum::<f64>() / count
}

/// Sum of the squared distances from the mean.
fn squares(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|value| (value - centre) * (value - centre)).sum()
}

/// Standard deviation of the values themselves, not of what they are a sample of.
pub fn population_deviation(values: &[f64]) -> f64 {
    libm::sqrt(squares(values) / values.len() as f64)
}

/// Standard deviation of what the values are a sample of; 0 for a single value.
pub fn sample_deviation(values: &[f64]) -> f64 {
    if values.len() < 2 { 0.0 } else { libm::sqrt(squares(values) / (values.len() as f64 - 1.0)) }
}

/// Mean of the canary over mean of the baseline; nothing where either is 0.
pub fn mean_ratio(canary: &[f64], baseline: &[f64]) -> Option<f64> {
    let (canary, baseline) = (mean(canary), mean(baseline));
    let ratio = canary / baseline;
    (canary != 0.0 && ratio.is_finite()).then_some(ratio)
}

/// Common language effect size: the share of pairs in which the canary's value is the higher one, ties counted half (Vargha and Delaney, "A
/// critique and improvement of the CL common language effect size statistics of McGraw and Wong", 2000). Nothing for an empty side.
pub fn common_language(canary: &[f64], baseline: &[f64]) -> Option<f64> {
    let mut baseline = baseline.to_vec();
    baseline.sort_by(f64::total_cmp);
    let wins = canary.iter().map(|value| {
        let below = baseline.partition_point(|other| other < value);
        let not_above = baseline.partition_point(|other| other <= value);
        (below + not_above) as f64 / 2.0
    });
    let share = wins.sum::<f64>() / (canary.len() as f64 * baseline.len() as f64);
    share.is_finite().then_some(share)
}

/// Distance of the means in pooled standard deviations; nothing where there is no spread.
pub fn cohen_d(canary: &[f64], baseline: &[f64]) -> Option<f64> {
    let freedom = canary.len() as f64 + baseline.len() as f64 - 2.0;
    let pooled = libm::sqrt((squares(canary) + squares(baseline)) / freedom);
    let distance = (mean(canary) - mean(baseline)).abs() / pooled;
    distance.is_finite().then_some(distance)
}
