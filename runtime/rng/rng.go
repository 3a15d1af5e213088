// Package rng has seeded random streams that can be split, saved and
// restored.
//
// A seed names a stream. Derive makes the seed of a stream from the seed of
// another and a path of numbers, so that the randomness of step 7, task 3,
// repeat 2 is the same whoever asks for it and in whatever order:
//
//	s := rng.New(rng.Derive(seed, rng.Hash("questions"), uint64(step)))
//
// Streams are PCG-DXSM (math/rand/v2); derivation mixes with the finaliser
// of SplitMix64. Neither is for secrets.
package rng

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// golden is 2⁶⁴ divided by the golden ratio, SplitMix64's increment.
const golden = 0x9e3779b97f4a7c15

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", 2014, with Stafford's constants).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Derive returns the seed at the end of a path of numbers that starts at
// seed. Every prefix is a seed of its own: Derive(Derive(s, a), b) equals
// Derive(s, a, b), and Derive(s) is s.
func Derive(seed uint64, path ...uint64) uint64 {
	for _, p := range path {
		seed = mix(mix(seed+golden) ^ (p + golden))
	}
	return seed
}

// Hash turns a name into a number for a path.
func Hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return mix(h.Sum64())
}

// A Stream is a sequence of random numbers. It has one owner: it is not safe
// for concurrent use.
type Stream struct {
	seed uint64
	pcg  *rand.PCG
	r    *rand.Rand
}

// New starts the stream that seed names.
func New(seed uint64) *Stream {
	pcg := rand.NewPCG(mix(seed+golden), mix(mix(seed+golden)+golden))
	return &Stream{seed: seed, pcg: pcg, r: rand.New(pcg)}
}

// Seed is the number the stream was started from.
func (s *Stream) Seed() uint64 { return s.seed }

// Child starts the stream at the end of a path from this stream's seed. It
// depends on the seed alone, not on how much has been drawn.
func (s *Stream) Child(path ...uint64) *Stream { return New(Derive(s.seed, path...)) }

// Uint64 draws 64 random bits.
func (s *Stream) Uint64() uint64 { return s.r.Uint64() }

// Float draws a number in [0, 1).
func (s *Stream) Float() float64 { return s.r.Float64() }

// Norm draws from the standard normal distribution.
func (s *Stream) Norm() float64 { return s.r.NormFloat64() }

// Int draws an integer from lo to hi, both possible.
func (s *Stream) Int(lo, hi int64) (int64, error) {
	if lo > hi {
		return 0, fmt.Errorf("int: got the empty range %d to %d", lo, hi)
	}
	span := uint64(hi) - uint64(lo) + 1
	if span == 0 { // all 64-bit integers
		return int64(s.r.Uint64()), nil
	}
	return int64(uint64(lo) + s.r.Uint64N(span)), nil
}

// Shuffle puts n elements in random order by swapping pairs.
func (s *Stream) Shuffle(n int, swap func(i, j int)) {
	if n > 1 {
		s.r.Shuffle(n, swap)
	}
}

// state is what a saved stream is made of.
type state struct {
	Seed  uint64 `json:"seed,string"` // a string: JSON readers round large numbers
	State string `json:"state"`
}

// MarshalJSON saves the stream with its position.
func (s *Stream) MarshalJSON() ([]byte, error) {
	bin, err := s.pcg.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return json.Marshal(state{Seed: s.seed, State: hex.EncodeToString(bin)})
}

// UnmarshalJSON restores a saved stream: it goes on with the number that
// would have come next. On an error the stream is as it was.
func (s *Stream) UnmarshalJSON(data []byte) error {
	var st state
	if err := json.Unmarshal(data, &st); err != nil {
		return fmt.Errorf("rng: %w", err)
	}
	bin, err := hex.DecodeString(st.State)
	if err != nil {
		return fmt.Errorf("rng: state: %w", err)
	}
	pcg := new(rand.PCG)
	if err := pcg.UnmarshalBinary(bin); err != nil {
		return fmt.Errorf("rng: state: %w", err)
	}
	*s = Stream{seed: st.Seed, pcg: pcg, r: rand.New(pcg)}
	return nil
}
