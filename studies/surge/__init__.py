"""Demand far above the mean for a while: who breaks first, one nation or its regions, and who recovers when?"""
