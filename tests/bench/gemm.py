"""The peer of the matrix products: OpenBLAS's sgemm on one thread; prints a line "name nanoseconds" for each."""
import ctypes
import random
import statistics
import time

blas = ctypes.CDLL("libopenblas.so.0")
SHAPES = [  # C[m, n] = A[m, k]·B[k, n], as in internal/kernel's policyShapes
    (128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (2048, 384, 128),
    (2048, 512, 128), (2048, 128, 512), (128, 512, 2048), (2048, 1152, 384), (2048, 384, 1536), (2048, 2048, 384),
]
SECONDS = 0.3


def matrix(n):
    return (ctypes.c_float * n)(*(random.random() - 0.5 for _ in range(min(n, 4096))), *([0.25] * max(n - 4096, 0)))


for m, n, k in SHAPES:
    a, b, c = matrix(m * k), matrix(k * n), matrix(m * n)
    one = ctypes.c_float(1)

    def f():
        blas.cblas_sgemm(101, 111, 111, m, n, k, one, a, k, b, n, ctypes.c_float(0), c, n)

    f()
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < SECONDS or len(times) < 3:
        t = time.perf_counter()
        f()
        times.append(time.perf_counter() - t)
    print(f"peer/gemm/{m}x{n}x{k}", statistics.median(times) * 1e9, flush=True)
