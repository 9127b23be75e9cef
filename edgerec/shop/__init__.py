"""The shop that ships with the project: products, shoppers and visits, all invented."""
