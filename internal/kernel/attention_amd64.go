//go:build !purego

package kernel

//go:noescape
func scorePagesAVX512(dst, q *float32, pages **float32, n, headDim, at, ahead uintptr)

//go:noescape
func weighPagesAVX512(out, score *float32, pages **float32, positions, stride, at uintptr)

// attendPages is Attend where this machine has it in assembly, else false.
func attendPages(out, score, q []float32, pages []*float32, at, n int) bool {
	hd := len(q)
	if active != levelAVX512 || hd%32 != 0 {
		return false
	}
	values := uintptr(at+hd*PageLen) * 4
	scorePagesAVX512(&score[0], &q[0], &pages[0], uintptr(len(pages)), uintptr(hd), uintptr(at)*4, uintptr(hd*PageLen)*4)
	SoftmaxTo(score[:n], score[:n])
	for c := 0; c < hd; c += 32 {
		weighPagesAVX512(&out[c], &score[0], &pages[0], uintptr(n), uintptr(hd)*4, values+uintptr(c)*4)
	}
	return true
}
