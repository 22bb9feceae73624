// Made by scripts/gen_symptoms.py from docs/symptoms.md.in: change that, not this.

/** A paragraph of docs/symptoms.md as plain text. */
interface Paragraph {
  symptoms: readonly string[];
  /** What is in bold before a text, and the text. */
  parts: readonly { title: string; text: string }[];
}

/** What is said of each symptom, with the default limits. */
export const PARAGRAPHS: readonly Paragraph[] = [
  {
    "symptoms": [
      "vanishing_gradients"
    ],
    "parts": [
      {
        "title": "",
        "text": "Hardly any gradient reaches the first layers."
      },
      {
        "title": "Rule",
        "text": "the activation gradient (dL/d output) of a layer is below 0.003 of that of the last layer that its output reaches, per element and as a whole, and no layer on its way from the input gets more (where activations are not measured, the weight gradient, below 0.0001); or the gradient of a layer is below 0.003 of its initial value while the loss is still above 50% of its own."
      },
      {
        "title": "Not",
        "text": "branches that a shortcut bypasses, heads and adapters that start at zero, pooled feature maps, converged models."
      },
      {
        "title": "Helps",
        "text": "where nearly all of it is lost between two neighboring layers, and neither their weights nor their units explain that, a look at what forward does there, and nothing else; ReLU instead of sigmoid, initialization that fits the activation function, norm layers, fewer layers; where a second optimizer trains an adversary that wins, holding that back; where it came with steps that moved the weights far, first a lower learning rate and fresh weights."
      }
    ]
  },
  {
    "symptoms": [
      "exploding_gradients"
    ],
    "parts": [
      {
        "title": "",
        "text": "The gradient grows by orders of magnitude."
      },
      {
        "title": "Rule",
        "text": "by more than 170× from the last layer to the first; or in a step whose gradient, before clipping, is more than 35× the largest of the last 200 measured steps. Fewer than 5 frames suffice if each of them is far past the bound, since such a run may be lost in its third step. Over depth, weight gradients are used only where activations are not measured (above 3,000×): in a ReLU chain, growing deltas and shrinking activations cancel. Where the gradient has become NaN or infinite, activations that grow by more than a million prove it."
      },
      {
        "title": "Not",
        "text": "noisy batches of a converged model, the end of a plateau, a loss whose weight is annealed."
      },
      {
        "title": "Helps",
        "text": "clipping at the 90th percentile of the run's own norms, fresh weights, or, if usual weights meet something else that multiplies, weights divided by the factor of each layer; a lower learning rate, norm layers."
      }
    ]
  },
  {
    "symptoms": [
      "early_layers_frozen"
    ],
    "parts": [
      {
        "title": "",
        "text": "Layers near the output change, those near the input hardly do."
      },
      {
        "title": "Rule",
        "text": "the weights of the early layers move less than 0.01× as far as those of the late ones, relative to their size, for 38 steps. The true change counts, whatever the optimizer."
      },
      {
        "title": "Not",
        "text": "layers frozen on purpose, embeddings, norm layers."
      },
      {
        "title": "Over",
        "text": "once they move in most of the newest few frames."
      },
      {
        "title": "Helps",
        "text": "what helps against vanishing gradients; one learning rate for all groups."
      }
    ]
  },
  {
    "symptoms": [
      "gradients_nonfinite",
      "loss_nonfinite",
      "weights_nonfinite"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "any, at once, with the first layer and whether it arose in the input, the weights, the forward pass, the loss, the backward pass or the optimizer's update."
      },
      {
        "title": "Not",
        "text": "steps that a gradient scaler skips while it adjusts its scale, unless it skips 8 in a row."
      },
      {
        "title": "Helps",
        "text": "a guard for the operation that made it, where that is known: log, sqrt, a division, a softmax of a row that is masked everywhere; skipping such steps, clipping, a lower learning rate; a checkpoint for weights that are lost; a direction for normalized weights without one."
      }
    ]
  },
  {
    "symptoms": [
      "weights_growing"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "the norm of a layer's matrices is above 6.3× the larger of its initial norm and √rows, the norm that preserves variance. Where all layers grow by one factor a step, a penalty on them has the wrong sign."
      },
      {
        "title": "Not",
        "text": "a head that starts at zero, one layer that grows alone, up to a hundredfold, and does no harm: a head with large targets, prototypes that are normalized before they are compared."
      },
      {
        "title": "Helps",
        "text": "a lower learning rate, weight decay, the other sign of the penalty."
      }
    ]
  },
  {
    "symptoms": [
      "weights_shrinking",
      "weights_zero"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "the norm is below 0.2 of its initial value, or below 0.001."
      },
      {
        "title": "Not",
        "text": "ordinary weight decay, layers that start at zero, a last layer that shrinks alone without any decay, as where the mean of the targets is all that can be learned."
      },
      {
        "title": "Helps",
        "text": "no weight decay; where the optimizer has none and most layers shrink, a smaller factor for the penalty that the loss has itself; fresh weights."
      }
    ]
  },
  {
    "symptoms": [
      "dead_relu"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "more than 93% of a layer's units are zero for whole batches, for 20 steps."
      },
      {
        "title": "Not",
        "text": "sparse layers, units that are off for a few steps."
      },
      {
        "title": "Helps",
        "text": "fresh weights, raised biases, LeakyReLU, a lower learning rate."
      }
    ]
  },
  {
    "symptoms": [
      "saturated"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "more than 65% of the outputs of a hidden sigmoid or tanh are where its slope is nearly 0, for 20 steps."
      },
      {
        "title": "Not",
        "text": "an output layer that is confident, nor one of several heads."
      },
      {
        "title": "Helps",
        "text": "smaller weights, another activation function, norm layers, scaled inputs where these are large."
      }
    ]
  },
  {
    "symptoms": [
      "collapsed_outputs"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "over 20 steps, less than 2% of the activations that the last layers are given differs from sample to sample, it does not come back, and the loss is still above 90% of its initial value, or no longer falls and was never below 80% for long. Or the share has fallen that low and to a tenth of its start, and the loss no longer falls; the level of a loss that does not compare outputs with targets, such as a triplet loss at its margin, does not matter then. Or the graph shows that the loss falls by nothing but drawing outputs of one network together, both sides with a gradient. The code of a variational autoencoder is reported as well where its KL divergence weighs so much that means and log-variances are near 0 for every input, whatever the loss. So are layers before the last whose units still have the same weights after 20 steps, to within 1% of what one step changes, as after an initialization with a constant: each such layer acts as one unit."
      },
      {
        "title": "Not",
        "text": "a run that learns, the first steps of a transformer, a batch of equal inputs; a comparison beside other terms, or whose one side has no gradient; equal weights that come apart, as dropout or random biases make them, zeros, frozen filters."
      },
      {
        "title": "Helps",
        "text": "skip connections around the blocks with the norm before them, or, where the layers are inside such blocks already, a look at where inputs become alike; fewer layers, warm-up; for frozen layers the weights that were to be loaded; a smaller weight of the divergence; semi-hard or random negatives; fresh weights for units that are copies."
      }
    ]
  },
  {
    "symptoms": [
      "no_gradient"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "a trainable layer has no gradient for 60 steps (20 if it used to have one, 12 if it ran in each of them and either never had one or always had one before), and for three times as long as ever before. Weights that differ from one sampled step to the next have been trained in between. The message says whether it ran in none of the sampled steps, at all or since one, runs, but its output does not depend on its parameters (unused, or used without a graph), or is cut off after it."
      },
      {
        "title": "Not",
        "text": "frozen layers; heads that are used now and then, and layers like them, which may be used a tenth as often."
      },
      {
        "title": "Over",
        "text": "for each layer at its first gradient."
      },
      {
        "title": "Helps",
        "text": "the missing line in forward, finding the cut, freezing them if that is intended."
      }
    ]
  },
  {
    "symptoms": [
      "not_in_optimizer"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "after 10 steps a trainable parameter is in no optimizer that has stepped; or backward passes reach the model and the optimizer that steps holds none of its parameters."
      },
      {
        "title": "Not",
        "text": "frozen parameters, optimizers that take turns, target networks, which run without gradients only."
      },
      {
        "title": "Helps",
        "text": "adding it to the optimizer, or, where there are several, giving it to one of them instead of what another one trains already; if the layer came from elsewhere, initializing it again."
      }
    ]
  },
  {
    "symptoms": [
      "unregistered_layers"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "modules with trainable parameters run inside forward and are not part of the model, as in a Python list."
      },
      {
        "title": "Not",
        "text": "a loss called outside, a frozen teacher, a model that another optimizer trains."
      },
      {
        "title": "Helps",
        "text": "ModuleList."
      }
    ]
  },
  {
    "symptoms": [
      "zero_gradient"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "the gradient of trainable layers is exactly 0, all of it for 9 frames or that of a layer for longer, while the loss is high. A clamp, a saturated activation or weights that are 0 on the way are named, and so are, whatever the loss, a softmax or a norm over a dimension with a single entry, and weights that every path to the loss rounds, as in quantization by hand."
      },
      {
        "title": "Not",
        "text": "units of ReLU that are off, a hinge loss that is satisfied, a rounding with a straight-through gradient."
      },
      {
        "title": "Helps",
        "text": "a look at the place between two layers where it becomes 0, replacing the flat operation, or passing the gradient straight through it, drawing one of two factors."
      }
    ]
  },
  {
    "symptoms": [
      "gradients_not_cleared",
      "no_step",
      "loss_detached"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "in 3 frames in a row, gradients that a step has used are still there, untouched, at the next backward pass; in as many frames, backward passes run and no weight ever changes, or their gradient is gone when the optimizer steps; backward() is called on a tensor that no operation made, or on a loss computed from such a tensor, so that all layers run and none gets a gradient; torch.autograd.grad takes derivatives of the outputs by the data without create_graph=True, and what is added to the loss, or to an expression of their shape, has no graph."
      },
      {
        "title": "Not",
        "text": "micro-batches that add up, steps that a gradient scaler skips."
      },
      {
        "title": "Helps",
        "text": "the missing line."
      }
    ]
  },
  {
    "symptoms": [
      "eval_mode"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "in 3 frames in a row that train, every dropout and batch norm layer is in evaluation mode. Without norm layers only a plateau is blamed on it."
      },
      {
        "title": "Not",
        "text": "a part that is in that mode on purpose beside others in training mode."
      },
      {
        "title": "Helps",
        "text": "model.train()."
      }
    ]
  },
  {
    "symptoms": [
      "same_batch"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "in three times 3 frames in a row, over at least 20 steps, the data that enters the model equals that of the frame before, in a tensor of its own, although a data loader of the process, or a tensor that contains its samples, has more than this batch."
      },
      {
        "title": "Not",
        "text": "one tensor that is used again on purpose, copied or scaled, a data set of one batch, the same batch of another epoch."
      },
      {
        "title": "Helps",
        "text": "iterating over the loader."
      }
    ]
  },
  {
    "symptoms": [
      "gradient_ascent"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "the optimizer is set to maximize a loss that is an error, and it has risen; or the loss is below 0 and falls without bound, by 30 times its start (5 times where a negated error is plain in the graph), with a gradient that grows. Of two networks that are trained against each other: the loss of one falls like that, and its outputs grow by 30 times and far beyond the data, while the loss of the other, which judges them, does not rise: both push the outputs the same way."
      },
      {
        "title": "Not",
        "text": "rewards, log-densities that pass 0, a game in which one wins at the cost of the other, an offset of a critic that drifts."
      },
      {
        "title": "Helps",
        "text": "the sign of the loss, maximize=False; a lower rate only takes longer."
      }
    ]
  },
  {
    "symptoms": [
      "double_softmax"
    ],
    "parts": [
      {
        "title": "",
        "text": "Outputs that do not fit the loss."
      },
      {
        "title": "Rule",
        "text": "right below a loss that applies softmax or sigmoid itself there is another one, or a ReLU; or a loss of log-probabilities (nll_loss, kl_div) is given probabilities, or nll_loss logits or a log_softmax over the samples; or outputs and targets differ in shape, as a column and a row do, so that each output is compared with every target before the errors become one number, in any term of the loss; or a policy term is multiplied by a matrix of advantages, made of returns and values of such shapes before they were detached; or the outputs end in a sigmoid, tanh or softmax, and their mean error is larger than its range, so that targets lie outside; or in a ReLU, softplus or clamp, and a clear part of the targets is beyond its bounds; or the targets of a binary cross-entropy are no probabilities; or the softmax of an attention, between two products of batches of matrices, runs over the samples; or an nn.RNN, nn.LSTM or nn.GRU does, which is seen where the last entry of what it takes for the batch (of words, also their mean or the like) is held against one target for each of what it takes for time steps; or the targets are, entry by entry, the tokens that entered an embedding, one position on, and in every attention over these positions nearly all give weight to the next one."
      },
      {
        "title": "Not",
        "text": "other softmax inside the network, log-softmax twice, kernels, margins, distances and other comparisons of every pair, mere differences whose mean is the same, smoothed labels, some noise below amounts that are positive; a recurrent layer that is given a state to start from, a target for each time step of each sample, an average over nodes; masked tokens, an encoder beside a decoder, a prefix that is seen on purpose, sequences of one or two tokens."
      },
      {
        "title": "Helps",
        "text": "giving the loss the logits (where forward calls the function itself, the line is named), log_softmax over the classes, one shape, targets that are probabilities; a regression that ends in a linear layer; batch_first=True; a causal mask."
      }
    ]
  },
  {
    "symptoms": [
      "bad_inputs"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "the data that enters the first layers is NaN, the same everywhere, or the same in every sample while nothing is learned (of tokens also while the loss falls to how common each answer is); or its RMS is above 20, or its mean is more than fifty times its standard deviation, and another symptom follows from it, or the RMS is far above that and the outputs start above 20 too, or the loss starts so high that it only comes down from there. Where the targets of a regression are more than 100 in size as well, as they are read or by errors far larger than the outputs, it says so, and scales both: either alone does not help. Data that was sound at the start is changed while the model trains. Networks that are trained in turns each have their own inputs."
      },
      {
        "title": "Not",
        "text": "the scale of token numbers, a norm layer that comes first, a large scale with which training goes well, what one network makes for another one to judge."
      },
      {
        "title": "Helps",
        "text": "scaling by the measured mean and deviation, of each feature where they are unlike, else of all, and scaling the outputs too where they are to equal the inputs; no operation in place on a batch that is a view of the data set."
      }
    ]
  },
  {
    "symptoms": [
      "bad_targets"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "the outputs of a regression start more than 100 away from their targets, and more than that many times their own size, and another symptom follows from it, or nothing is learned, or the other terms of the loss are negligible beside these errors. Of a loss of several terms, the gradient of these errors has to outweigh that of the others a hundred times. The distance is read from the loss and its gradient. Or batches of eight and more samples are of one class each, and of another one after a while: the data comes sorted by class. Or nearly every batch begins with the class that the one before has ended with, and another symptom follows from it. What comes sorted stands before a rate that is too high for it. Or, of two networks that are trained against each other, all targets that the judge has been given are the same, and it has learned to answer so. Or the whole loss is the error of the outputs of a regression, whose targets were the same number in a dozen measured batches and more."
      },
      {
        "title": "Not",
        "text": "amounts in the tens, a large scale with which training goes well, other losses, batches of the only class that there is, classes that take turns from step to step, a judge that is shown real and generated samples in separate steps, an error that should become 0 and is calculated from the outputs, as of a differential equation."
      },
      {
        "title": "Helps",
        "text": "scaling the targets by their mean and deviation, which the gradient of the first batch tells where errors are squared; shuffling; one label for real samples and another one for generated ones; a look at the targets."
      }
    ]
  },
  {
    "symptoms": [
      "rnn_vanishing_in_time",
      "rnn_exploding_in_time"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "dL/dh of the first time steps over that of the last is below 0.001, or above 55 and halfway there by the middle, on a log scale."
      },
      {
        "title": "Not",
        "text": "a loss at every time step, padding, a direction that only reflects how the gradient of the layer above runs the other way. To measure a layer along time is expensive, so it is done in the first steps, from time to time later, and while something looks wrong. The first profile of a run is enough where it is far past the bound: the step after it may change everything. A state that is detached at every step gets nothing at all."
      },
      {
        "title": "Helps",
        "text": "a gated cell, biases that start by remembering, orthogonal recurrent weights, clipping."
      }
    ]
  },
  {
    "symptoms": [
      "fp16_underflow"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "more than 20% of the entries of a layer's gradient are exactly 0, the others are so small (RMS below 1e-06) that they are within a few bits of 2⁻²⁴, and the largest is a number that fp16 can represent; or every gradient is 0 although the loss is not."
      },
      {
        "title": "Not",
        "text": "zeros of ReLU at a usual scale, tiny gradients in fp32 or bfloat16."
      },
      {
        "title": "Helps",
        "text": "loss scaling, bfloat16."
      }
    ]
  },
  {
    "symptoms": [
      "updates_lost"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "of the weights in half precision that have a gradient, a step leaves more than 70% bit-identical."
      },
      {
        "title": "Not",
        "text": "weights in fp32."
      },
      {
        "title": "Helps",
        "text": "weights in fp32, autocast for speed."
      }
    ]
  },
  {
    "symptoms": [
      "lr_too_high",
      "lr_too_low"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "a step changes the weights by more than 5% of their size while the loss does not fall and is above 50% of its initial value; or by less than 0.01% while the loss stays above 90% and the gradient promises more. One to three updates are proof where they raise the loss by orders of magnitude, and so are a few after which layers no longer let the gradient through, and a first update after which loss and gradient stay ten times as large. Half of the change is enough where the first steps under the rate replaced the weights, a quarter where these have grown since. For networks that take turns: each step of one replaces its weights. A schedule that has decayed to nearly 0 while more than half of the loss was left is a rate too low as well, and so is a rate that stays at 0 for long. Steps at a usual rate are too small where clipping leaves hardly any of the gradient (under SGD, whose steps are as large as the gradient), as of one that a gradient scaler has yet to unscale, or where the eps of Adam, which divides by the size of the gradient, is larger than that. Of a rate that is too high it is said where the graph shows why under SGD: a loss that adds up its errors in place of averaging them, or a step that adds up several backward passes whose losses are not divided by their number; and that a cross-entropy starts at ten times the loss of a guess, with outputs as large."
      },
      {
        "title": "Not",
        "text": "large steps that come to rest, a loss that leaps because the data have changed; a schedule that ends at zero, a warm-up, a model that started out converged or explained more than half from the first step on, layers that have no gradient in most steps, tight clipping under Adam."
      },
      {
        "title": "Helps",
        "text": "the average of what is added up; a looser bound of the clipping; the usual eps; the rate that brings a step to about 0.1%; where that would be absurd, a usual one from fresh weights; targets that are scaled, where they make the steps so large; a rate held at its start until the schedule is long enough, or at a bound where the schedule still raises it; scaler.unscale_(optimizer) before the clipping."
      }
    ]
  },
  {
    "symptoms": [
      "loss_unstable"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "in the last 100 frames, at least 3 updates raised the loss by half, and by 25% of its initial value, each of them a change of more than 3.5% of the weights; or, in as many steps and at any update, where dropout drops more than 90% of what a layer gives."
      },
      {
        "title": "Not",
        "text": "the noise of small batches, which small updates leave as it is; a change of the data; the losses of networks that take turns."
      },
      {
        "title": "Helps",
        "text": "less dropout where that is the reason, a lower learning rate, clipping."
      }
    ]
  },
  {
    "symptoms": [
      "loss_diverging"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "over three windows the loss rises, to more than 5× its level at the start, and the gradient with it."
      },
      {
        "title": "Not",
        "text": "a single spike, losses that are meant to rise, an actor-critic whose returns rise as it gets better: there the outputs stay within their targets, or, where those are not known, are not all of the error."
      },
      {
        "title": "Helps",
        "text": "a lower learning rate, clipping."
      }
    ]
  },
  {
    "symptoms": [
      "plateau"
    ],
    "parts": [
      {
        "title": "Rule",
        "text": "after 100 steps the loss is above 90% of its initial value, was never below 80% for long, and it is known why: one of the symptoms above explains it, which began no more than 100 steps after the loss had come to stay, or how the network and its loss are built. That is read from the graph: outputs of another shape than their targets, so that each is compared with all; targets without effect, as with label_smoothing=1; a softmax over the samples of the batch; a loss of second derivatives of ReLU; nothing but linear operations between the layers; a view that gives dimensions another order, as only a permutation can; logits that are products of normalized vectors, and too small for the loss to leave that of a guess, as where they are multiplied by a temperature that they are to be divided by; an optimizer that is created again for nearly every step; or from the layers: a module whose requires_grad was set as an attribute, which freezes and unfreezes nothing; a norm over a single value, a dropout of more than 90% of the units. A flat loss alone says little: it may be as low as it can be. But a cross-entropy over a few classes is reported by itself if after three times as many steps it is still that of a constant prediction, and no longer falls. So are squared or Huber errors that after five times as many steps are still those of predicting the mean of the targets, and certainly not a little lower, however the loss is scaled. Where the loss of every step is known, noise from batch to batch does not count as a fall."
      },
      {
        "title": "Not",
        "text": "a warm-up, many classes, other losses, noisy targets of which something is learned, targets that another network makes, a checkpoint that explained more than half from the first step on."
      },
      {
        "title": "Helps",
        "text": "what helps against the cause; where none is known, a look at inputs and targets, and one batch learned by heart."
      }
    ]
  }
];
