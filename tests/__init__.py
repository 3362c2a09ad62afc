"""The tests mirror the folders; flows, contracts, house and chaos cut across them."""
