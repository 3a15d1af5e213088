package hud

// Packed is a ragged batch of datums in flat arrays: datum d is the half-open
// range Offsets[d] to Offsets[d+1] of each per-token array. Nothing is copied
// when a datum is viewed.
type Packed struct {
	Offsets          []int     // [D+1], from 0
	Logprobs         []float32 // [N] the current policy's logprob of each target token
	SamplingLogprobs []float32 // [N] the sampling policy's; 0 where Mask is 0
	Mask             []float32 // [N] 1 on action tokens, 0 on observations
	Reward           []float64 // [D] the trajectory's reward, scaled by reward_scale
	TrajIdx          []int     // [D] position of the trajectory in the request's inputs
	GroupIdx         []int     // [D] -1 when the request gave no group_size
	RefLogprobs      []float32 // [N], or nil without a reference

	// Filled in by TrainingClient.
	Advantage []float64        // [D] reward minus its group's mean, each trajectory counted once
	Extra     []map[string]any // [D] what the input carried, or nil
}

// Len is the number of datums.
func (p *Packed) Len() int { return len(p.Offsets) - 1 }

// Tokens is the number of positions of all datums.
func (p *Packed) Tokens() int { return p.Offsets[len(p.Offsets)-1] }

// Range is datum d's half-open range in the per-token arrays.
func (p *Packed) Range(d int) (lo, hi int) { return p.Offsets[d], p.Offsets[d+1] }
