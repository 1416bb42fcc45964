"""What is predicted, from what, and how it is fitted: specs, features as Ibis expressions, training, explanation."""
