package kernel

// GemmRef is the plain triple loop that [Gemm] is checked against, for either type.
func GemmRef[F Float](l Layout, m, n, k int, a []F, lda int, b []F, ldb int, c []F, ldc int, accumulate bool) {
	for i := range m {
		for j := range n {
			var s F
			for p := range k {
				x, y := i*lda+p, p*ldb+j
				switch l {
				case NT:
					y = j*ldb + p
				case TN:
					x = p*lda + i
				}
				s += F(a[x] * b[y])
			}
			if accumulate {
				s += c[i*ldc+j]
			}
			c[i*ldc+j] = s
		}
	}
}
