package kernel

// What a product must at least cost before another core is asked to help, in multiplications, and in values of B: one row
// of A takes as long as B takes to read.
const (
	shareMul  = 1 << 17
	shareRead = 1 << 14
	// wakeMul is worth waking a sleeping core for, which takes about 80 µs.
	wakeMul = 1 << 24
)

// shares is how many parts a product is cut into.
func shares(m, n, k int) int {
	mul := m * n * k
	if mul < shareMul && n*k < shareRead || mul < wakeMul && workers.alive.Load() == 0 {
		return 1
	}
	cores := Cores()
	if cores == 1 {
		return 1
	}
	return max(1, min(cores, max(mul/shareMul, n*k/shareRead)+1, max((n+minPart-1)/minPart, m/minPart)))
}

// minPart is the fewest rows or columns of C that a part has.
const minPart = 32

// cutsRows says whether parts of C are rows and not columns: whichever cut is more even. packs says that each part packs
// the columns of B that it reads.
func cutsRows(parts, m, n int, packs bool) bool {
	if m < parts*minPart {
		return false
	}
	uneven := func(n, unit int) float64 {
		units := (n + unit - 1) / unit
		return float64((units+parts-1)/parts*parts) / float64(units)
	}
	rows, columns := uneven(m, 1), uneven(n, active.panelWidth())
	if packs {
		rows *= 1 + minPart/float64(m)
	}
	return rows < columns
}

// span is part i of n things that are cut into parts at multiples of unit.
func span(i, parts, n, unit int) (lo, hi int) {
	units := (n + unit - 1) / unit
	return min(units*i/parts*unit, n), min(units*(i+1)/parts*unit, n)
}
