package local

import "math"

// groups calls f for each contiguous group [lo, hi) of n trajectories.
func groups(n, size int, f func(lo, hi int)) {
	if size == 0 {
		size = n
	}
	for lo := 0; lo < n; lo += size {
		f(lo, min(lo+size, n))
	}
}

// advantages are scale·(reward − group mean), centred only. A group whose
// rewards are all equal gets exactly 0: equality is tested before the mean is
// taken, because a mean in floating point may miss by 1e-17. noSpread counts
// such groups.
func advantages(rewards []float64, size int, scale float64) (adv []float64, noSpread int) {
	adv = make([]float64, len(rewards))
	groups(len(rewards), size, func(lo, hi int) {
		group := rewards[lo:hi]
		if equal(group) {
			noSpread++
			return
		}
		mu := mean(group)
		for i, r := range group {
			adv[lo+i] = scale * (r - mu)
		}
	})
	return adv, noSpread
}

func equal(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// std is the population standard deviation.
func std(x []float64) float64 {
	if equal(x) {
		return 0
	}
	mu, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - mu) * (v - mu)
	}
	return math.Sqrt(sum / float64(len(x)))
}
