"""Coupons: codes that are issued to members, once each, and redeemed by what they buy."""
